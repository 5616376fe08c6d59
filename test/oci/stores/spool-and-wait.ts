/** Run as a process of its own: keeps some bytes aside, prints where, and waits to be killed. */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { spool } from '../../../src/oci/stores/spool.ts';
import { createTempFiles } from '../../../src/oci/stores/temp-files.ts';

const temp = createTempFiles(join(process.argv[2] ?? '', 'tmp'));
const kept = await spool(Readable.from([Buffer.from('kept aside')], { objectMode: false }), temp);
await kept.whole();
process.stdout.write(`${kept.path}\n`);
setInterval(() => {}, 60_000);
