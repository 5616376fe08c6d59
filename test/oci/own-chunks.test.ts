import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { chunkFreer, withOwnChunks } from '../../src/oci/own-chunks.ts';

const stream = () => Readable.from([], { objectMode: false });

describe('chunkFreer', () => {
  it('frees a chunk that is all of its memory', () => {
    const chunk = Buffer.allocUnsafeSlow(100);
    chunkFreer(withOwnChunks(stream()))(chunk);
    expect(chunk.length).toBe(0);
  });

  it('leaves memory alone that others may share', () => {
    const memory = Buffer.alloc(100, 'a');
    const free = chunkFreer(withOwnChunks(stream()));
    free(memory.subarray(0, 50));
    free(memory.subarray(50));
    free(new Uint8Array(new SharedArrayBuffer(8)));
    expect(memory.toString()).toBe('a'.repeat(100));
  });

  it('does nothing for a stream that says nothing of its chunks', () => {
    const chunk = Buffer.allocUnsafeSlow(100);
    chunkFreer(stream())(chunk);
    expect(chunk.length).toBe(100);
  });
});
