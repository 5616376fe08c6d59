import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalRegistry,
  formatReference,
  parseReference,
  referenceTarget,
  registryHost,
  withDefaultTag,
} from '../../src/oci/reference.ts';

const HEX = 'a'.repeat(64);
const DIGEST = `sha256:${HEX}`;

describe('parseReference', () => {
  it.each([
    ['ubuntu', 'docker.io/library/ubuntu'],
    ['ubuntu:24.04', 'docker.io/library/ubuntu:24.04'],
    ['heroku/heroku:24', 'docker.io/heroku/heroku:24'],
    ['docker.io/ubuntu', 'docker.io/library/ubuntu'],
    ['index.docker.io/library/ubuntu', 'docker.io/library/ubuntu'],
    ['registry-1.docker.io/heroku/heroku', 'docker.io/heroku/heroku'],
    ['Docker.IO/ubuntu', 'docker.io/library/ubuntu'],
    ['localhost/app', 'localhost/app'],
    ['localhost:5000/app', 'localhost:5000/app'],
    ['127.0.0.1:5000/team/app:v1', '127.0.0.1:5000/team/app:v1'],
    ['[::1]:5000/app', '[::1]:5000/app'],
    ['registry.example/app', 'registry.example/app'],
    ['host:5000/app', 'host:5000/app'],
    ['ghcr.io/a/b/c__d/e-f--g.h:V1.2_x-y', 'ghcr.io/a/b/c__d/e-f--g.h:V1.2_x-y'],
    [`ubuntu@${DIGEST}`, `docker.io/library/ubuntu@${DIGEST}`],
    [`r.example/app:v1@${DIGEST}`, `r.example/app:v1@${DIGEST}`],
    [`r.example/app@sha512:${HEX}${HEX}`, `r.example/app@sha512:${HEX}${HEX}`],
    // No dot, no colon, not localhost: the first word is a name on Docker Hub.
    ['team/app', 'docker.io/team/app'],
  ])('%s is %s', (text, full) => {
    expect(formatReference(parseReference(text))).toBe(full);
  });

  it.each([
    '',
    '/',
    'UPPER',
    'r.example/UPPER',
    'r.example/',
    'r.example//app',
    'app:',
    'app: v1',
    'app:.v1',
    `app:${'x'.repeat(129)}`,
    'app@sha256:abc',
    `app@${DIGEST.toUpperCase()}`,
    `app@md5:${HEX}`,
    'app@',
    '-app',
    'app-',
    'a..b',
    'a___b',
    'r.example:/app',
    'r.example:99999/app',
    'r_.example/app',
    '-r.example/app',
    '[::1/app',
    'https://r.example/app',
    'a/../b',
    'app\n',
    'app%2f',
    HEX,
    `r.example/${'a'.repeat(255)}`,
  ])('refuses %j', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });

  it('never repeats a password in its message', () => {
    expect(() => parseReference('user:hunter2@r.example/app')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
    expect(() => parseReference('https://user:hunter2@r.example/app')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });

  it('reads what it writes', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const registry = fc.oneof(
      fc.constant('docker.io'),
      fc.constant('localhost:5000'),
      word.map((w) => `${w}.example`),
    );
    const reference = fc.record({
      registry,
      repository: fc.tuple(word, word).map((words) => words.join('/')),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/), { nil: undefined }),
      digest: fc.option(fc.constant(DIGEST), { nil: undefined }),
    });
    fc.assert(
      fc.property(reference, ({ registry, repository, tag, digest }) => {
        const text = `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest ? `@${digest}` : ''}`;
        expect(formatReference(parseReference(text))).toBe(text);
      }),
    );
  });
});

describe('registries', () => {
  it('has one name and one host for Docker Hub', () => {
    for (const alias of ['docker.io', 'index.docker.io', 'registry-1.docker.io', 'DOCKER.io']) {
      expect(canonicalRegistry(alias)).toBe('docker.io');
      expect(registryHost(alias)).toBe('registry-1.docker.io');
    }
    expect(registryHost('R.example:5000')).toBe('r.example:5000');
    expect(canonicalRegistry('docker.io.evil.example')).toBe('docker.io.evil.example');
  });

  it('fills in latest only on demand, and prefers a digest', () => {
    expect(parseReference('ubuntu').tag).toBeUndefined();
    expect(withDefaultTag(parseReference('ubuntu')).tag).toBe('latest');
    expect(withDefaultTag(parseReference(`ubuntu@${DIGEST}`)).tag).toBeUndefined();
    expect(referenceTarget(parseReference(`ubuntu:1@${DIGEST}`))).toBe(DIGEST);
    expect(referenceTarget(parseReference('ubuntu:1'))).toBe('1');
  });
});
