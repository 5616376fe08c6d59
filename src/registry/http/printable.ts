const MAX_MESSAGE = 300;

/** A stranger's words on one line of at most 300 characters, without what a terminal would act on. */
export function printable(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}...` : line;
}
