/** Run as a process of its own: keeps some bytes aside, prints where, and waits to be killed. */
import { Readable } from 'node:stream';
import { openLocalStore } from '../../../src/oci/stores/local.ts';

const store = await openLocalStore(process.argv[2] ?? '');
const kept = await store.spool(Readable.from([Buffer.from('kept aside')], { objectMode: false }));
process.stdout.write(`${kept.path}\n`);
setInterval(() => {}, 60_000);
