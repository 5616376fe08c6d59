import { open, rename, rm } from 'node:fs/promises';

/** Writes a JSON document that is whole at every moment: beside its place first, on the disk, then under its name. */
export async function writeDocument(path: string, document: unknown): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(document, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
