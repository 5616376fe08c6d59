import { expect, test } from 'vitest';
import { refuseFlags } from '../../src/builders/refused-flags.ts';
import type { BuildRequest } from '../../src/plan/request.ts';
import { buildRequest } from '../helpers/pipeline.ts';

test.each<readonly [string, Partial<BuildRequest>]>([
  ['--base', { base: 'scratch' }],
  ['--stack', { stack: 'heroku-24' }],
  ['--process', { processes: { web: 'x' } }],
  ['--env', { env: { A: '' } }],
  ['--label', { labels: { a: 'b' } }],
  ['--layer', { layer: 'keep' }],
  ['--file', { file: 'Dockerfile' }],
  ['--target', { target: 'web' }],
  ['--build-arg', { buildArgs: { A: '1' } }],
  ['--build-context', { contexts: { base: 'oci:base' } }],
  ['--secret', { secrets: [{ id: 'a', from: { kind: 'env', name: 'A' } }] }],
  ['--ssh', { ssh: ['default'] }],
  ['--engine', { engine: 'docker' }],
  ['--cache-from', { cacheFrom: ['type=inline'] }],
  ['--cache-to', { cacheTo: ['type=inline'] }],
  ['--builder', { builder: 'b' }],
  ['--attr', { attribute: 'a' }],
  ['--nix-shell', { nixShell: 'shell.nix' }],
  ['--compression', { compression: 'gzip' }],
])('%s is refused where it is not taken', (flag, changes) => {
  const request = buildRequest('.', changes);
  expect(() => refuseFlags(request, [], 'a stone is no image')).toThrow(
    `a stone is no image: ${flag} cannot be used with it`,
  );
  refuseFlags(request, [flag as '--base'], 'taken');
  refuseFlags(buildRequest('.'), [], 'nothing was given');
});
