import { expect, test } from 'vitest';
import { createLineSplitter, createLineTail } from '../../src/engines/lines.ts';

function split(chunks: readonly (string | Uint8Array)[], maxLine?: number): readonly string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line), maxLine);
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return lines;
}

test('lines are put together across chunks, characters too', () => {
  expect(split(['one\ntw', 'o\r\n\nthree'])).toEqual(['one', 'two', '', 'three']);
  const [first, second] = [Buffer.from('ä').subarray(0, 1), Buffer.from('ä').subarray(1)];
  expect(split([first, second, '\n'])).toEqual(['ä']);
});

test('of a line without end the end is kept', () => {
  expect(split([...Array.from({ length: 1000 }, () => 'x'.repeat(100)), 'the end'], 10)).toEqual([
    'xxxthe end',
  ]);
  expect(split([`${'x'.repeat(100)}y\nz`], 3)).toEqual(['xxy', 'z']);
});

test('the last lines are kept', () => {
  const tail = createLineTail(2);
  for (const line of ['a', 'b', 'c']) tail.push(line);
  expect(tail.lines()).toEqual(['b', 'c']);
  tail.clear();
  expect(tail.lines()).toEqual([]);
});
