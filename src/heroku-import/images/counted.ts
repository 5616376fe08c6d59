import type { Readable } from 'node:stream';

/** Tells of bytes as they are read, by whoever reads the stream: listening alone would set it going. */
export function counted(stream: Readable, onRead: (count: number) => void): Readable {
  stream.on('data', (chunk: Buffer) => onRead(chunk.length));
  return stream.pause();
}
