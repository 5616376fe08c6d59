/** Shorter values cannot be told from ordinary words. */
const SHORTEST_SECRET = 8;

/** Hides values in what an engine prints; of a text of several lines, each line. */
export function redactValues(values: readonly string[]): (text: string) => string {
  const hidden = values
    .flatMap((value) => value.split('\n').map((line) => line.trim()))
    .filter((value) => value.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((result, value) => result.replaceAll(value, '***'), text);
}
