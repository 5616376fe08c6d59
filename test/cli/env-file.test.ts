import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readVariables } from '../../src/cli/build-request.ts';
import { parseEnvFile } from '../../src/cli/env-file.ts';
import { temporaryFolder } from '../helpers/temp.ts';

describe('parseEnvFile', () => {
  test('reads what docs/configuration.md says', () => {
    const text = [
      '\uFEFF# a comment',
      '',
      'BARE=some value  ',
      '  export EXPORTED = yes',
      'EMPTY=',
      'URL=https://u:p@host/?a=b#frag',
      "SINGLE='$HOME \\n # all as it is' # a comment",
      'DOUBLE="a\\tb\\n\\"c\\" \\$d \\\\ #e"',
      'PEM="-----BEGIN',
      'line two',
      '-----END"',
      "AFTER='x'\r",
      'BARE=the last one counts',
    ].join('\n');
    expect(parseEnvFile(text, 'x.env')).toEqual({
      BARE: 'the last one counts',
      EXPORTED: 'yes',
      EMPTY: '',
      URL: 'https://u:p@host/?a=b#frag',
      SINGLE: '$HOME \\n # all as it is',
      DOUBLE: 'a\tb\n"c" $d \\ #e',
      PEM: '-----BEGIN\nline two\n-----END',
      AFTER: 'x',
    });
  });

  test.each([
    ['A=1\njust words', 2, 'no NAME=VALUE'],
    ['1A=x', 1, 'no NAME=VALUE'],
    ['A-B=x', 1, 'no NAME=VALUE'],
    ['NAME', 1, 'no NAME=VALUE'],
    ['A=secret # comment', 1, 'a bare value with a # in it; put it in quotes'],
    ['A=sec"ret', 1, 'a quote inside a bare value; put the value in quotes'],
    ['A=secret\\', 1, 'a bare value that ends in a backslash; put it in quotes'],
    ['\nA="secret', 2, 'a quote that is never closed'],
    ['A="secret" more', 1, 'something behind the closing quote'],
    ['A="sec\\xret"', 1, 'an unknown escape; \\n \\r \\t \\" \\\\ and \\$ are known'],
    ['A="1\n2\n3"\nB=sec\0ret', 4, 'a value with a NUL in it'],
  ])('%j is refused, with its line and without its value', (text, line, message) => {
    const refused = expect.objectContaining({ code: 'USAGE', message: `x.env:${line}: ${message}` });
    expect(() => parseEnvFile(text, 'x.env')).toThrow(refused);
  });

  test('whatever is written in quotes comes back', () => {
    const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\r]/.test(text));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), (values) => {
        const quote = (text: string) => text.replace(/[\\"$]/g, '\\$&').replaceAll('\n', '\\n');
        const text = values.map((item, i) => `V${i}="${quote(item)}"`).join('\n');
        expect(Object.values(parseEnvFile(text, 'x'))).toEqual(values);
      }),
    );
  });
});

test.runIf(existsSync('/dev/zero'))('a file that never ends, or is not UTF-8, is refused', async () => {
  const latin1 = join(await temporaryFolder(), 'latin1.env');
  await writeFile(latin1, Buffer.from('NAME=gr\u00fcn', 'latin1'));
  for (const [file, message] of [
    ['/dev/zero', 'more than 4194304 bytes'],
    [latin1, 'not UTF-8'],
  ] as const) {
    await expect(readVariables({ envFile: [file] }, {})).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  }
});
