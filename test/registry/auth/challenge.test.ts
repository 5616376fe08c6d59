import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/registry/auth/challenge.ts';

const read = (...headers: string[]) =>
  parseChallenges(headers).map(({ scheme, parameters, token68 }) => ({
    scheme,
    ...(token68 === undefined ? {} : { token68 }),
    ...Object.fromEntries(parameters),
  }));

describe('parseChallenges', () => {
  it.each([
    ['nothing', '', []],
    ['a lone scheme', 'Negotiate', [{ scheme: 'negotiate' }]],
    ['token68', 'NTLM TlRMTVNTUAAB==', [{ scheme: 'ntlm', token68: 'TlRMTVNTUAAB==' }]],
    [
      'a bearer challenge of a registry',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      ],
    ],
    ['names and schemes in any case', 'BASIC ReAlM=x', [{ scheme: 'basic', realm: 'x' }]],
    [
      'space around =',
      'Basic realm = "x y" , charset\t=\tUTF-8',
      [{ scheme: 'basic', realm: 'x y', charset: 'UTF-8' }],
    ],
    [
      'escapes in quotes',
      String.raw`Basic realm="a \"b\" \\ c, d=e"`,
      [{ scheme: 'basic', realm: String.raw`a "b" \ c, d=e` }],
    ],
    ['an empty quoted value', 'Basic realm=""', [{ scheme: 'basic', realm: '' }]],
    [
      'several in one line',
      'Negotiate, Basic realm="r", Bearer realm="t", service=s, NTLM abc=, Digest a=b',
      [
        { scheme: 'negotiate' },
        { scheme: 'basic', realm: 'r' },
        { scheme: 'bearer', realm: 't', service: 's' },
        { scheme: 'ntlm', token68: 'abc=' },
        { scheme: 'digest', a: 'b' },
      ],
    ],
    [
      'empty list elements',
      ' ,, Basic realm=x,, ,charset=y, ',
      [{ scheme: 'basic', realm: 'x', charset: 'y' }],
    ],
    ['the first of two equal names', 'Bearer realm="a", realm="b"', [{ scheme: 'bearer', realm: 'a' }]],
    ['what stands before an open quote', 'Negotiate, Bearer realm="open', [{ scheme: 'negotiate' }]],
    ['what stands before garbage', 'Basic realm=x, {"json":1}', [{ scheme: 'basic', realm: 'x' }]],
  ])('reads %s', (_what, header, expected) => {
    expect(read(header)).toEqual(expected);
  });

  it('reads every line of the header', () => {
    expect(read('Basic realm="a"', 'Bearer realm="b"')).toEqual([
      { scheme: 'basic', realm: 'a' },
      { scheme: 'bearer', realm: 'b' },
    ]);
  });

  it('gives back any parameters it was given', () => {
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
    const value = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
    });
    const challenge = fc.tuple(
      token,
      fc.uniqueArray(fc.tuple(token, value), { minLength: 1, selector: ([name]) => name.toLowerCase() }),
    );
    fc.assert(
      fc.property(fc.array(challenge, { minLength: 1, maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(
            ([scheme, list]) =>
              `${scheme} ${list.map(([n, v]) => `${n}="${v.replace(/["\\]/g, '\\$&')}"`).join(', ')}`,
          )
          .join(', ');
        const back = parseChallenges([header]);
        expect(back.map(({ scheme, parameters }) => [scheme, [...parameters]])).toEqual(
          challenges.map(([scheme, list]) => [
            scheme.toLowerCase(),
            list.map(([n, v]) => [n.toLowerCase(), v]),
          ]),
        );
      }),
    );
  });

  it('comes to an end on anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=",\\ \t;{') }), (header) => {
        expect(Array.isArray(parseChallenges([header]))).toBe(true);
      }),
    );
  });
});
