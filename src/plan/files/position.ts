/** A step on the way to a value: a key, or the place in a list. */
export type KeyPath = readonly (string | number)[];

/** The line (from 1) on which the value stands in a TOML text: the schema knows keys, only the text knows lines. */
export function lineInToml(text: string, path: KeyPath): number {
  const wanted = path.map(String);
  const counts = new Map<string, number>();
  let table: readonly string[] = [];
  let [best, bestLength] = [1, 0];
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line);
    const key = header === null ? KEY.exec(line)?.[1] : undefined;
    if (header !== null) table = openTable(splitKey(header[2] ?? ''), header[1] === '[[', counts);
    else if (key === undefined) continue;
    const here = key === undefined ? table : [...table, ...splitKey(key)];
    const matches = here.every((part, i) => i >= wanted.length || part === wanted[i]);
    const length = Math.min(here.length, wanted.length);
    if (!matches || length <= bestLength) continue;
    [best, bestLength] = [index + 1, length];
  }
  return best;
}

const KEY = /^\s*("[^"]*"|'[^']*'|[^\s=#]+(?:\s*\.\s*[^\s=#]+)*)\s*=/;

/** Where the keys behind a header lie; `[[services]]` opens the next element of the list. */
function openTable(keys: readonly string[], isElement: boolean, counts: Map<string, number>): string[] {
  const path: string[] = [];
  for (const [index, key] of keys.entries()) {
    path.push(key);
    const list = path.join('\0');
    if (isElement && index === keys.length - 1) counts.set(list, (counts.get(list) ?? -1) + 1);
    const count = counts.get(list);
    if (count !== undefined) path.push(String(count));
  }
  return path;
}

function splitKey(key: string): string[] {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|([^\s.]+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
}

/** The same for JSON: each key is looked for behind the one before it. */
export function lineInJson(text: string, path: KeyPath): number {
  let at = 0;
  for (const part of path) {
    if (typeof part === 'number') continue;
    const found = text
      .slice(at)
      .search(new RegExp(`${JSON.stringify(part).replace(/[^\w"]/g, '\\$&')}\\s*:`));
    if (found === -1) break;
    at += found;
  }
  return text.slice(0, at).split('\n').length;
}
