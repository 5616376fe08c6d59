import { describe, expect, test } from 'vitest';
import { chooseFrontend, withoutSyntax } from '../../../src/builders/dockerfile/frontend.ts';
import { renameSecrets, secretMounts } from '../../../src/builders/dockerfile/secret-mounts.ts';
import { checkRequired } from '../../../src/builders/dockerfile/secrets.ts';
import { readSettings } from '../../../src/builders/dockerfile/settings.ts';
import { findStage, lineOf, outsideImages, readDockerfile } from '../../../src/builders/dockerfile/stages.ts';
import { buildRequest } from '../../helpers/pipeline.ts';

const platform = { os: 'linux', architecture: 'amd64' };
const read = (text: string, given: Readonly<Record<string, string>> = {}) =>
  readDockerfile(text, given, platform);
const keywords = (text: string) =>
  read(text).stages.flatMap(({ instructions }) => instructions.map((each) => each.keyword));

describe('a Dockerfile is split as BuildKit splits it', () => {
  test.each([
    ['heredocs', 'FROM scratch\nRUN <<EOF\nFROM fake\nEOF\nCMD ["a"]\n', ['RUN', 'CMD']],
    [
      'two heredocs, tabs taken off',
      'FROM scratch\nCOPY <<a <<-"b" /x/\nhi\na\n\tEXPOSE 1\n\tb\nEXPOSE 80\n',
      ['COPY', 'EXPOSE'],
    ],
    ['no heredoc in quotes', 'FROM scratch\nRUN echo "<<EOF"\nCMD a\n', ['RUN', 'CMD']],
    ['CRLF', 'FROM scratch\r\nRUN a \\\r\n  b\r\nEXPOSE 80\r\n', ['RUN', 'EXPOSE']],
    [
      'another escape',
      '# escape=`\nFROM scratch\nRUN a `\n b\nRUN c \\\nEXPOSE 80\n',
      ['RUN', 'RUN', 'EXPOSE'],
    ],
    [
      'comments and empty lines between',
      'FROM scratch\nRUN a && \\\n# comment\n\n  b\nEXPOSE 80\n',
      ['RUN', 'EXPOSE'],
    ],
    ['a BOM, small letters', '\uFEFFfrom scratch\nrun x\n', ['RUN']],
    ['no last newline', 'FROM scratch\nRUN x \\', ['RUN']],
  ])('%s', (_what, text, expected) => {
    expect(keywords(text)).toEqual(expected);
  });

  test.each([
    ['FROM scratch\nFOO bar\n', 'line 2 of the Dockerfile: unknown instruction FOO'],
    ['FROM scratch\n\nRUN <<EOF\nx\n', 'line 3 of the Dockerfile: the heredoc EOF has no end'],
    ['RUN x\nFROM scratch\n', 'line 1 of the Dockerfile: RUN stands before the first FROM'],
    ['# nothing\n', 'there is no FROM'],
    ['FROM a b\n', 'FROM takes IMAGE'],
    ['# escape=x\nFROM a\n', 'the escape directive takes'],
    ['# escape=`\n# escape=`\nFROM a\n', 'only one escape directive'],
  ])('%j is refused with its line', (text, message) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: 'DOCKERFILE_INVALID', message: expect.stringContaining(message) }),
    );
  });
});

test('arguments of the head are filled in; what nobody knows stays', () => {
  const text =
    'ARG V=3\nARG B=alpine:${V}\nARG U\nFROM --platform=$BUILDPLATFORM ${B} AS One\nFROM one\nFROM x/${U:-y}:${V}\nFROM $U\n';
  const { stages } = read(text, { V: '4' });
  expect(stages.map(({ base }) => base)).toEqual([
    { text: 'alpine:4', partial: false },
    { text: 'one', partial: false },
    { text: 'x/y:4', partial: false },
    { text: '$U', partial: true },
  ]);
  expect(stages[1]?.parent).toBe(stages[0]);
});

test('a stage is found by name or number; only what it needs is an image from outside', () => {
  const file = read(
    'FROM a:1 AS One\nFROM b:1 AS two\nCOPY --from=c:1 /x /y\nFROM two\nRUN --mount=type=bind,from=one,target=/m x\nFROM d:1\n',
  );
  expect(findStage(file, 'ONE')?.index).toBe(0);
  expect(findStage(file, '2')?.index).toBe(2);
  expect(findStage(file, undefined)?.index).toBe(3);
  expect(findStage(file, 'three')).toBeUndefined();
  const stage = file.stages[2];
  if (stage === undefined) throw new Error('no stage');
  expect(outsideImages(file, stage).map(({ text }) => text)).toEqual(['b:1', 'c:1', 'a:1']);
});

test('the line of a step is known where one instruction only says the same', () => {
  const file = read('FROM scratch\nRUN  make \\\n  all\nRUN x\nRUN x\n');
  expect(lineOf(file, '[2/4] RUN make   all')).toBe(2);
  expect(lineOf(file, 'RUN x')).toBeUndefined();
});

describe('secrets', () => {
  const names = new Map([
    ['tok', 'tok-1'],
    ['key', 'key-2'],
  ]);
  const renamed = (text: string) => renameSecrets(read(text), secretMounts(read(text)), names);

  test.each([
    ['RUN --mount=type=secret,id=tok x', 'RUN --mount=type=secret,id=tok-1,target=/run/secrets/tok x'],
    [
      'RUN --mount=type=secret,source=tok,dst=/t,required x',
      'RUN --mount=type=secret,id=tok-1,dst=/t,required=true x',
    ],
    ['RUN --mount=type=secret,target=/a/key x', 'RUN --mount=type=secret,target=/a/key,id=key-2 x'],
    ['RUN --mount=type=secret,id=tok,env=T x', 'RUN --mount=type=secret,id=tok-1,env=T x'],
    [
      'RUN --network=none --mount="type=secret,id=tok" x --mount=type=secret,id=tok',
      'RUN --network=none --mount=type=secret,id=tok-1,target=/run/secrets/tok x --mount=type=secret,id=tok',
    ],
    [
      'RUN --mount=type=secret,\\\nid=tok,env=T \\\n  x',
      'RUN --mount=type=secret,id=tok-1,env=T\\\n \\\n  x',
    ],
    ['RUN --mount=type=secret,id=other x', 'RUN --mount=type=secret,id=other x'],
    ['RUN --mount=type=cache,id=tok,target=/c x', 'RUN --mount=type=cache,id=tok,target=/c x'],
  ])('%j', (before, after) => {
    expect(renamed(`FROM scratch\n${before}\n`)).toBe(`FROM scratch\n${after}\n`);
  });

  test('that a step must have are asked for', () => {
    const file = read(
      'FROM scratch\nRUN --mount=type=secret,id=a,required=true x\nRUN --mount=type=secret,id=b x\n',
    );
    expect(() => checkRequired(file, [{ id: 'b' }])).toThrow(
      expect.objectContaining({
        code: 'SECRET_MISSING',
        message: 'line 2 of the Dockerfile needs the secret a',
      }),
    );
    checkRequired(file, [{ id: 'a' }]);
  });
});

describe('frontends', () => {
  const choose = (text: string, changes = {}) =>
    chooseFrontend(read(`${text}FROM scratch\n`).directives, buildRequest('.', changes));

  test.each([
    '',
    '# syntax=docker/dockerfile:1\n',
    '# Syntax = docker.io/docker/dockerfile-upstream:master\n',
    '# escape=`\n#syntax=docker/dockerfile:1.4-labs@sha256:00\n',
    '# a comment\n# syntax=evil/one\n',
  ])('%j is the built-in one', (text) => {
    expect(choose(text)).toBe('builtin');
  });

  test.each([
    '# syntax=evil/one:1\n',
    '# escape=`\n# syntax=docker/dockerfiles:1\n',
    '# syntax=evil.example/docker/dockerfile:1\n',
    '# syntax=docker/dockerfile/x\n',
  ])('%j is another', (text) => {
    expect(() => choose(text)).toThrow(expect.objectContaining({ code: 'FRONTEND_REFUSED' }));
    expect(choose(text, { allow: ['remote-frontend'] })).not.toBe('builtin');
  });

  test('without its syntax a file keeps its lines and its other directives', () => {
    const text = '# syntax=docker/dockerfile:1\n# escape=`\nFROM scratch\n';
    const without = withoutSyntax(text, read(text).directives);
    expect(without).toBe('# escape=`\n#\nFROM scratch\n');
    expect(read(without).directives).toMatchObject({ syntax: undefined, escapeToken: '`' });
  });
});

test('what a stage says of how it is run, with the stages it is built from', () => {
  const text = `FROM scratch AS base
ENV PORT=8080
EXPOSE $PORT 53/udp 7000-7001 $UNKNOWN
VOLUME ["/data", "/var/log"]
USER app
ENTRYPOINT ["/bin/tini", "--"]
CMD ["web", "a b"]
FROM base
STOPSIGNAL SIGINT
HEALTHCHECK --interval=1m30s --start-period=5s CMD curl -f localhost
`;
  const file = read(text);
  const stage = findStage(file, undefined);
  if (stage === undefined) throw new Error('no stage');
  const settings = readSettings(file, stage, {}, 'Dockerfile');
  expect(settings.command).toEqual({ value: "/bin/tini -- web 'a b'", from: 'Dockerfile line 7' });
  expect(settings.services.map(({ value }) => `${value.internalPort}/${value.protocol}`)).toEqual([
    '8080/tcp',
    '53/udp',
    '7000/tcp',
    '7001/tcp',
  ]);
  expect(settings.mounts.map(({ value }) => [value.name, value.path])).toEqual([
    ['data', '/data'],
    ['var_log', '/var/log'],
  ]);
  expect(settings.user?.value).toBe('app');
  expect(settings.stopSignal?.value).toBe('SIGINT');
  expect(settings.healthCheck?.value).toMatchObject({
    kind: 'exec',
    value: 'curl -f localhost',
    interval: 90,
    timeout: null,
    grace: 5,
  });
});
