import { describe, expect, test } from 'vitest';
import { packBuildArguments } from '../../../src/engines/pack/arguments.ts';
import { lifecycleFailure } from '../../../src/engines/pack/codes.ts';
import { packOutput } from '../../../src/engines/pack/output.ts';
import { parsePackReport } from '../../../src/engines/pack/report.ts';

const LEAST = {
  path: '/app',
  builder: 'b',
  trustBuilder: false,
  pullPolicy: 'never',
  buildpacks: [],
  env: [],
  clearCache: false,
  reportFolder: '/r',
} as const;

describe('the arguments of pack build', () => {
  test('are what was asked for and nothing else', () => {
    expect(packBuildArguments('app', LEAST).join(' ')).toBe(
      'build app --path /app --builder b --pull-policy never --docker-host inherit --no-color --report-output-dir /r',
    );
  });

  test('name variables, volumes and times as pack wants them', () => {
    const args = packBuildArguments('app', {
      ...LEAST,
      trustBuilder: true,
      env: ['A', 'B'],
      buildpacks: ['x/y@1', 'odd,"one"'],
      buildCache: 'c.build',
      creationTime: 0,
      clearCache: true,
    });
    const text = args.join(' ');
    expect(text).toContain('--trust-builder');
    expect(text).toContain('--env A --env B');
    expect(text).toContain('--buildpack x/y@1 --buildpack "odd,""one"""');
    expect(text).toContain('--cache type=build;format=volume;name=c.build');
    expect(text).toContain('--clear-cache --creation-time 0');
  });
});

describe('what pack prints', () => {
  const read = (...chunks: readonly (readonly ['stdout' | 'stderr', string])[]) => {
    const seen: string[] = [];
    const output = packOutput({
      onPhase: (phase) => seen.push(`# ${phase}`),
      onSaved: () => seen.push('# saved'),
      onLine: (line, _stream, phase) => seen.push(`${phase ?? '-'}: ${line}`),
    });
    for (const [stream, text] of chunks) output.write(stream, Buffer.from(text));
    return { end: output.end(), seen };
  };

  test('is cut into phases and lines, wherever the chunks end', () => {
    const { seen, end } = read(
      ['stdout', 'pulling\n===> DETE'],
      ['stdout', 'CTING\n[detector] a/b 1.0\n===> BUILDING\n[builder] \u00e4'],
      ['stdout', '\n===> EXPORTING\n*** Images (abc):\nlast'],
    );
    expect(seen).toEqual([
      '-: pulling',
      '# detect',
      'detect: a/b 1.0',
      '# build',
      'build: \u00e4',
      '# export',
      '# saved',
      'export: *** Images (abc):',
      'export: last',
    ]);
    expect(end).toEqual({ phase: 'export', lastLines: ['*** Images (abc):', 'last'], code: undefined });
  });

  test('says how the lifecycle ended, on standard error only', () => {
    const line = 'ERROR: failed to build: executing lifecycle: failed with status code: 51\n';
    expect(read(['stderr', line]).end.code).toBe(51);
    expect(read(['stdout', line]).end.code).toBeUndefined();
  });

  test('is kept in bounds', () => {
    const { end } = read(
      ['stdout', `${'x'.repeat(1e6)}\n`],
      ['stdout', 'y\n'.repeat(1000)],
      ['stdout', 'z'.repeat(1e6)],
    );
    expect(end.lastLines).toHaveLength(20);
    expect(Math.max(...end.lastLines.map((line) => line.length))).toBeLessThanOrEqual(16 * 1024);
  });
});

describe('report.toml', () => {
  const ID = 'a'.repeat(64);

  test('of an engine names the image, of a registry the manifest', () => {
    expect(parsePackReport(`[image]\ntags = ["x:latest"]\nimage-id = "${ID}"\nmanifest-size = 7\n`)).toEqual({
      tags: ['x:latest'],
      imageId: `sha256:${ID}`,
      digest: undefined,
    });
    const published = `[build]\n[image]\ntags = ["r/x:v1"]\ndigest = "sha256:${ID}"\n`;
    expect(parsePackReport(published)).toMatchObject({ imageId: undefined, digest: `sha256:${ID}` });
  });

  test.each(['', 'x', '[image]\ntags = 1\n'])('%j is none', (text) => {
    expect(() => parsePackReport(text)).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED' }));
  });
});

test.each([
  [11, 'builder', undefined],
  [12, 'builder', undefined],
  [20, 'not-detected', 'detect'],
  [21, 'not-detected', 'detect'],
  [22, 'not-detected', 'detect'],
  [32, 'lifecycle', 'analyze'],
  [42, 'lifecycle', 'restore'],
  [51, 'buildpack', 'build'],
  [52, 'buildpack', 'build'],
  [62, 'lifecycle', 'export'],
  [91, 'buildpack', 'generate'],
  [102, 'lifecycle', 'extend'],
  [137, 'memory', undefined],
  [99, 'lifecycle', undefined],
])('code %i is the fault of %s in %s', (code, fault, phase) => {
  expect(lifecycleFailure(code)).toMatchObject({ fault, phase });
});
