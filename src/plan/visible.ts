// C0 and C1 controls (ESC among them), DEL, the bidirectional overrides that make text read otherwise than it is,
// and the two Unicode line ends.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is what this is for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const hex = (character: string, width: number) => character.charCodeAt(0).toString(16).padStart(width, '0');

/**
 * Text that may come from a stranger (a member's name, a registry's message), made fit for a terminal or a page:
 * whatever could move the cursor, hide or reorder text is shown as `\x1b` or `\u202e`, on one line.
 */
export function escapeControl(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character.charCodeAt(0) < 0x100 ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`,
  );
}

// What JSON leaves bare: see escapeControl.
const UNSAFE_IN_JSON = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** JSON that is safe on a terminal too: the same value, with escapes where `JSON.stringify` leaves controls bare. */
export function terminalJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    UNSAFE_IN_JSON,
    (character) => `\\u${hex(character, 4)}`,
  );
}
