/** What a file that is no archive we read is, and what can be done about it. */
export interface ForeignFile {
  /** With its article. */
  readonly what: string;
  readonly hint: string;
}

const REPACK = 'Unpack it and hand over the folder, or pack the files with tar.';

const MAGIC: readonly (readonly [string, string, string])[] = [
  ['PK\x03\x04', 'a zip archive', REPACK],
  ['PK\x05\x06', 'a zip archive', REPACK],
  ['7z\xbc\xaf\x27\x1c', 'a 7z archive', REPACK],
  ['Rar!\x1a\x07', 'a RAR archive', REPACK],
  ['hsqs', 'a SquashFS image', 'Mount it and hand over the folder.'],
  ['\x7fELF', 'a program', 'Hand over the folder that it lies in, with a Dockerfile that copies it.'],
];

/** Says what begins with these bytes; undefined where nobody knows. For files that are no tar, compressed or not. */
export function foreignFile(head: Uint8Array): ForeignFile | undefined {
  if (head.length === 0)
    return { what: 'an empty file', hint: 'What was to make it has most likely failed.' };
  const bytes = Buffer.from(head).toString('latin1');
  const known = MAGIC.find(([magic]) => bytes.startsWith(magic));
  if (known !== undefined) return { what: known[1], hint: known[2] };
  if (!isText(head)) return undefined;
  const hint = 'Hand over the folder of the project; --file names its Dockerfile or Nix file.';
  return { what: 'a text file', hint };
}

/** UTF-8 without the bytes that no text has; the end may be cut within a character. */
function isText(head: Uint8Array): boolean {
  // BEL to CR, and ESC.
  if (!head.every((byte) => byte >= 0x20 || (byte >= 0x07 && byte <= 0x0d) || byte === 0x1b)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
