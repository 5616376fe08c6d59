import { open, rm, stat } from 'node:fs/promises';
import { createDigester, type Digest, digestAlgorithm } from '../digest.ts';

/**
 * Reads the file of a blob once more and removes it when it is not what its name says, so that it is missing instead
 * of wrong, and whoever has the bytes puts it again. A file that another process put in its place meanwhile stays.
 * Fails for nothing: what led here is what there is to tell.
 */
export async function removeIfDamaged(path: string, digest: Digest): Promise<void> {
  try {
    const file = await open(path, 'r');
    const digester = createDigester(digestAlgorithm(digest));
    const { ino } = await file.stat().catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
    for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024 })) {
      digester.update(chunk as Buffer);
    }
    if (digester.digest() !== digest && (await stat(path)).ino === ino) await rm(path);
  } catch {
    // Gone already, on a disk that cannot be read, or of somebody else.
  }
}
