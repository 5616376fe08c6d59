/** `1 app`, `2 apps`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** `2027-01-15 08:00 UTC` of an RFC 3339 time; other text as it is. */
export function timeText(time: string | null): string {
  if (time === null) return 'never';
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*Z$/, '$1 $2 UTC');
}
