import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Unmounts everything below a folder, innermost first, so that it can be removed. Linux; elsewhere nothing. */
export function unmountUnder(folder: string): void {
  if (process.platform !== 'linux') return;
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((point) => point.startsWith(`${folder}/`));
  for (const point of points.reverse()) execFileSync('umount', ['--lazy', point]);
}
