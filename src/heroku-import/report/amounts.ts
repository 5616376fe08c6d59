const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** Bytes in powers of 1000, as disks and registries count: `87 B`, `1.3 kB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(UNITS.length, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

/** `1 app`, `2 apps`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** `2027-01-15 08:00 UTC` of an RFC 3339 time; other text as it is. */
export function timeText(time: string | null): string {
  if (time === null) return 'never';
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*Z$/, '$1 $2 UTC');
}
