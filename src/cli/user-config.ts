import { readFile, stat } from 'node:fs/promises';
import { DogwoodError } from '../errors.ts';
import type { UserConfig } from './user-config-schema.ts';

const EMPTY: UserConfig = {
  stacks: {},
  insecureRegistries: [],
  hosts: {},
  mirrors: {},
  allowOutbound: [],
  limits: {},
  regions: [],
};

/**
 * Reads the config file; one that is not there is empty. Throws CONFIG_INVALID with file and line.
 */
export async function readUserConfig(path: string | undefined): Promise<UserConfig> {
  if (path === undefined) return EMPTY;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return EMPTY;
    // Somebody else's home, as where a container's user has HOME=/root: what is in it was not meant for us.
    if (code === 'EACCES' && !(await stat(path).catch(() => undefined))) return EMPTY;
    throw new DogwoodError('CONFIG_INVALID', `${path} cannot be read (${code ?? 'unknown'})`, { cause });
  }
  // The parser and the schema are loaded only by those who have a file.
  const { parseUserConfig } = await import('./user-config-schema.ts');
  return parseUserConfig(text, path);
}
