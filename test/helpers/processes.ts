import { readdirSync, readFileSync } from 'node:fs';

/** Command lines of this machine's processes that match, their arguments parted by spaces. */
export function processes(pattern: RegExp): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        // It ended meanwhile.
        return '';
      }
    })
    .filter((line) => pattern.test(line));
}
