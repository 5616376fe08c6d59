/** `node gunzip-floor.ts FILE`: what inflating costs on this runtime, with the settings under which it costs least. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

const MIB = 1024 * 1024;
const OPTIONS = { chunkSize: MIB, readableHighWaterMark: 8 * MIB };
await pipeline(
  createReadStream(process.argv[2] ?? '', { highWaterMark: MIB }),
  createGunzip(OPTIONS),
  async (output: AsyncIterable<Buffer>) => {
    for await (const _ of output);
  },
);
