import { expect, test } from 'vitest';
import type { ImageConfig } from '../../src/oci/documents.ts';
import { readImageProcesses } from '../../src/plan/processes.ts';
import { startCommand, startProcess } from '../../src/plan/start.ts';

const configWith = (labels: Record<string, string>): ImageConfig => ({
  architecture: 'amd64',
  os: 'linux',
  config: { Labels: labels },
  rootfs: { type: 'layers', diff_ids: [] },
});

test('an image of ours starts its processes by our launcher', () => {
  const processes = readImageProcesses(configWith({ 'dogwood.processes': '{"web":"node x"}' }));
  expect(processes).toEqual({ contract: 'launcher', commands: { web: 'node x' } });
  expect(startProcess(processes, 'web')).toEqual({ arguments: ['web'] });
  expect(startCommand(processes, ['ls', '-l'])).toEqual({ arguments: ['--', 'ls', '-l'] });
});

test("an image of buildpacks by the lifecycle's, whichever platform API wrote the metadata", () => {
  const metadata = {
    processes: [
      { type: 'web', command: ['node', 'x'], args: ['--fast'], direct: true },
      // Before platform API 0.10 a command is a string.
      { type: 'worker', command: 'node y', args: null },
      { type: 'clock', command: ['sh', '-c', 'echo "it\'s $PORT"'], args: null, direct: true },
      { type: 'old', command: ['run $PORT'], args: ['a b'], direct: false },
    ],
  };
  const processes = readImageProcesses(
    configWith({ 'io.buildpacks.build.metadata': JSON.stringify(metadata) }),
  );
  expect(processes).toEqual({
    contract: 'buildpacks',
    commands: {
      web: 'node x --fast',
      worker: 'node y',
      clock: `sh -c 'echo "it'\\''s $PORT"'`,
      old: "run $PORT 'a b'",
    },
  });
  expect(startProcess(processes, 'worker')).toEqual({ entrypoint: ['/cnb/process/worker'] });
  expect(startCommand(processes, ['ls'])).toEqual({
    entrypoint: ['/cnb/lifecycle/launcher'],
    arguments: ['--', 'ls'],
  });
});

test.each([{}, { 'dogwood.processes': 'no JSON' }, { 'dogwood.processes': '[1]' }])(
  'others have none: %j',
  (labels) => {
    const processes = readImageProcesses(configWith(labels));
    expect(processes).toEqual({ contract: 'none', commands: {} });
    expect(startCommand(processes, ['ls'])).toEqual({ arguments: ['ls'] });
  },
);
