import { describe, expect, test } from 'vitest';
import { foreignFile } from '../../src/source/foreign-file.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('a file that is no archive we read', () => {
  test.each([
    ['PK\x03\x04\x14\0', 'a zip archive'],
    ['PK\x05\x06\0\0', 'a zip archive'],
    ['7z\xbc\xaf\x27\x1c\0', 'a 7z archive'],
    ['Rar!\x1a\x07\x01', 'a RAR archive'],
    ['\x7fELF\x02', 'a program'],
    ['FROM scratch\n', 'a text file'],
    ['caf\xc3\xa9, cut: \xe2\x82', 'a text file'],
    ['', 'an empty file'],
  ])('%j is %s', (head, what) => expect(foreignFile(bytes(head))?.what).toBe(what));

  test.each(['caf\xe9 au lait', 'a\0b', '\x01\x02'])('%j is anything', (head) =>
    expect(foreignFile(bytes(head))).toBeUndefined(),
  );
});
