import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Writes files below a folder; a value is the content. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** What GNU tar makes of a folder, from inside it. */
export function tarOf(folder: string, ...args: string[]): Buffer {
  return execFileSync('tar', ['-cf', '-', ...args], { cwd: folder, maxBuffer: 1 << 28 });
}
