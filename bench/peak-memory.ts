/** `node --import peak-memory.ts PROGRAM`: writes the process's peak resident memory in KiB to $BENCH_PEAK_FILE. */
import { readFileSync, writeFileSync } from 'node:fs';

process.on('exit', () => {
  const file = process.env.BENCH_PEAK_FILE;
  // Not resourceUsage().maxRSS, which begins with that of the process that started this one (getrusage(2)).
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (file !== undefined && peak !== undefined) writeFileSync(file, peak);
});
