import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeControl, terminalJson } from '../../../src/cli/output/escape.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: these must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const hostile = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0x9f }).map((code) => String.fromCharCode(code)),
    fc.constantFrom('\u202e', '\u2066', '\u2028', 'é', '字', '😀'),
  ),
});

describe('escapeControl', () => {
  test.each([
    ['\x1b[2Jgone', '\\x1b[2Jgone'],
    ['a\r\nb\tc', 'a\\x0d\\x0ab\\x09c'],
    ['\x9b31m', '\\x9b31m'],
    ['gpj.\u202eexe', 'gpj.\\u202eexe'],
    ['grüße 字 😀', 'grüße 字 😀'],
  ])('%j', (text, escaped) => expect(escapeControl(text)).toBe(escaped));

  test('nothing is left that a terminal would act on', () => {
    fc.assert(fc.property(hostile, (text) => !CONTROL.test(escapeControl(text))));
  });
});

describe('terminalJson', () => {
  test('is the same value, without control characters', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = terminalJson({ [text]: text });
        expect(json).not.toMatch(CONTROL);
        expect(JSON.parse(json)).toEqual({ [text]: text });
      }),
    );
  });
});
