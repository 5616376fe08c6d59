export interface Procfile {
  /** Process type to command, in the file's order. */
  readonly processes: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

// Heroku's classic grammar: letters, digits, _ and -, an optional colon, white space, the command
// (heroku/buildpacks-procfile SPEC.md). `web:command` without a space is what foreman takes, so we do too.
const LINE = /^\s*([A-Za-z0-9_-]+)(?::\s*|\s+)(\S.*?)\s*$/;

/**
 * Reads a Procfile. Nothing in it is an error: lines that are no process are passed over, as Heroku does, and the
 * doubtful ones are warned about. Takes a BOM, CRLF and a missing last newline.
 */
export function parseProcfile(text: string): Procfile {
  const processes = new Map<string, string>();
  const warnings: string[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [index, line] of lines.entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    const match = LINE.exec(line);
    const [name, command] = [match?.[1], match?.[2]];
    if (name === undefined || command === undefined) {
      warnings.push(`Procfile line ${index + 1} is no process and was passed over`);
      continue;
    }
    if (processes.has(name))
      warnings.push(`Procfile line ${index + 1} names ${name} again; the last one counts`);
    processes.set(name, command);
  }
  return { processes: Object.fromEntries(processes), warnings };
}

const PROCESS_TYPE = /^[-\w]{1,128}$/;

/** Is this a process type's name? (Platform API schema, formation.type.) */
export function isProcessType(name: string): boolean {
  return PROCESS_TYPE.test(name);
}
