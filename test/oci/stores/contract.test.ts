import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openLayout } from '../../../src/oci/stores/layout.ts';
import { openLocalStore } from '../../../src/oci/stores/local.ts';
import { createMemoryTarget } from '../../../src/oci/stores/memory.ts';
import { openStagedLayout } from '../../../src/oci/stores/staged-layout.ts';
import { targetContract } from '../../contract/target.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'dogwood-contract-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});
const fresh = (): string => join(root, randomBytes(6).toString('hex'));

targetContract('the memory target', async () => createMemoryTarget());
targetContract('an OCI layout', () => openLayout(fresh(), { create: true }));
targetContract('a staged OCI layout', () => openStagedLayout(fresh()));
targetContract('the local store', () => openLocalStore(fresh()));
