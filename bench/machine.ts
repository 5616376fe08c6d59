import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';

/** What the figures were measured on. */
export function describeMachine(): string {
  const memory = Math.round(totalmem() / 1024 ** 3);
  const processor = cpus()[0]?.model ?? 'unknown processor';
  return [
    `${availableParallelism()} cores (${processor}), ${memory} GiB`,
    `${osName()}, Linux ${release()}`,
    `Node ${process.versions.node}`,
  ].join('; ');
}

function osName(): string {
  try {
    const name = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name ?? process.platform;
  } catch {
    return process.platform;
  }
}
