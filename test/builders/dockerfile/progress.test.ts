import { expect, test } from 'vitest';
import { engineEvents, readable, readableError } from '../../../src/builders/dockerfile/progress.ts';
import { DogwoodError } from '../../../src/errors.ts';
import type { BuildEvent } from '../../../src/plan/events.ts';

const plain = readable({
  secrets: [
    { id: 'token', value: Buffer.from('sesame-8471\nsecond-line') },
    { id: 'token-0123abcd', value: Buffer.from('sesame-8471\nsecond-line') },
    { id: 'short', value: Buffer.from('ab') },
  ],
  shown: new Map([['token-0123abcd', 'token']]),
});

test('a secret that a step prints is not in the log, and has the name that the Dockerfile gives it', () => {
  const events: BuildEvent[] = [];
  const say = engineEvents((event) => events.push(event), plain);
  const name = 'RUN --mount=type=secret,id=token-0123abcd cat /run/secrets/token';
  say({ kind: 'step', id: '1', name, state: 'started', milliseconds: null });
  say({ kind: 'log', id: '1', stream: 'stdout', line: 'it is sesame-8471, about' });
  say({ kind: 'log', id: '1', stream: 'stdout', line: 'second-line' });
  expect(events.map((event) => ('name' in event ? event.name : 'line' in event && event.line))).toEqual([
    'RUN --mount=type=secret,id=token cat /run/secrets/token',
    'it is ***, about',
    '***',
  ]);
});

test('nor is it in the error, which stays the same otherwise', () => {
  const cause = new Error('exit');
  const error = new DogwoodError(
    'DOCKERFILE_STEP_FAILED',
    'RUN id=token-0123abcd: exit code 1\n  sesame-8471',
    {
      hint: 'a hint',
      cause,
    },
  );
  const shown = readableError(error, plain);
  expect(shown).toMatchObject({
    code: 'DOCKERFILE_STEP_FAILED',
    message: 'RUN id=token: exit code 1\n  ***',
    hint: 'a hint',
    cause,
  });
  const other = new DogwoodError('ENGINE_FAILED', 'nothing of it');
  expect(readableError(other, plain)).toBe(other);
});
