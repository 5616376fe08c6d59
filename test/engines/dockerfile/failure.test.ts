import { expect, test } from 'vitest';
import { buildFailure, lineInExcerpt } from '../../../src/engines/dockerfile/failure.ts';

// What the engines said in these cases, word for word.
test.each([
  ['TARGET_NOT_FOUND', 'error: failed to solve: target stage "nope" could not be found'],
  ['TARGET_NOT_FOUND', 'Error: The target "nope" was not found in the provided Dockerfile'],
  ['TARGET_NOT_FOUND', 'failed to reach build target nope in Dockerfile'],
  [
    'DOCKERFILE_INVALID',
    'error: failed to solve: dockerfile parse error on line 3: unknown instruction: BAR (did you mean ARG?)',
  ],
  [
    'DOCKERFILE_INVALID',
    'Error: building at STEP "COPY --nonsense=1 a /a": COPY only supports the --chmod=<permissions> --chown=<uid:gid> and the --from=<image|stage> flags',
  ],
  ['DOCKERFILE_INVALID', 'error: failed to solve: circular dependency detected on stage: other'],
  [
    'DOCKERFILE_STEP_FAILED',
    'error: failed to solve: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3',
  ],
  ['DOCKERFILE_STEP_FAILED', "The command '/bin/sh -c exit 3' returned a non-zero code: 3"],
  ['DOCKERFILE_STEP_FAILED', 'Error: building at STEP "RUN exit 3": while running runtime: exit status 3'],
  [
    'DOCKERFILE_STEP_FAILED',
    'COPY failed: file not found in build context or excluded by .dockerignore: stat nothere: file does not exist',
  ],
  [
    'DOCKERFILE_STEP_FAILED',
    'error: failed to solve: failed to compute cache key: failed to calculate checksum of ref x::y: "/nothere": not found',
  ],
  ['SECRET_MISSING', 'error: failed to solve: secret token: not found'],
  [
    'IMAGE_NOT_FOUND',
    'error: failed to solve: r.example/x:1: failed to resolve source metadata for r.example/x:1: r.example/x:1: not found',
  ],
  ['IMAGE_NOT_FOUND', 'manifest for r.example/x:1 not found: manifest unknown: manifest unknown'],
  [
    'IMAGE_NOT_FOUND',
    'pull access denied for nosuch, repository does not exist or may require "docker login": denied: requested access to the resource is denied',
  ],
  [
    'REGISTRY_UNAUTHORIZED',
    'error: failed to solve: r.example/x:1: failed to authorize: failed to fetch oauth token: unexpected status from GET request: 401 Unauthorized',
  ],
  [
    'REGISTRY_DENIED',
    'error: failed to solve: unexpected status from HEAD request to https://r.example/v2/x/manifests/1: 403 Forbidden',
  ],
  [
    'REGISTRY_UNREACHABLE',
    'error: failed to solve: nosuch.invalid/x:1: failed to resolve source metadata for nosuch.invalid/x:1: failed to do request: Head "https://nosuch.invalid/v2/x/manifests/1": dial tcp: lookup nosuch.invalid on 10.255.255.53:53: no such host',
  ],
  [
    'REGISTRY_UNREACHABLE',
    'Error: creating build container: initializing source docker://127.0.0.1:1/no/base:1: pinging container registry 127.0.0.1:1: Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  ],
  ['DISK_FULL', 'error: failed to solve: write /var/lib/buildkit/x: no space left on device'],
  [
    'ENGINE_FAILED',
    'error: listing workers for Build: failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial unix /x.sock: connect: no such file or directory"',
  ],
  ['ENGINE_FAILED', 'error: something that nobody has seen'],
])('%s: %s', (code, text) => {
  const { code: found, message } = buildFailure({ engine: 'an engine', text, step: undefined });
  expect(found).toBe(code);
  expect(message.length).toBeLessThan(400);
});

test('a failed step is told with line, instruction, exit code and last lines, without colours', () => {
  const step = {
    name: '[2/2] RUN make',
    error: 'exit code: 137',
    lastLines: ['\u001b[91mout of memory\u001b[0m', ''],
  };
  const error = buildFailure({ engine: 'BuildKit', text: 'did not complete successfully', step, line: 7 });
  expect(error.message).toBe('line 7 of the Dockerfile: [2/2] RUN make: exit code 137\n  out of memory');
  expect(error.hint).toContain('memory');
});

test('the line is in the excerpt that BuildKit prints', () => {
  expect(lineInExcerpt('Dockerfile:7\n--------------------\n   7 | >>> RUN x\n')).toBe(7);
  expect(lineInExcerpt('error: nothing')).toBeUndefined();
});
