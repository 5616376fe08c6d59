import type { ProgressMode } from '../flags.ts';
import type { CliHost } from '../host.ts';
import { createJsonRenderer } from './json.ts';
import { createPlainRenderer } from './plain.ts';
import type { RenderContext, Renderer } from './renderer.ts';
import { createTtyRenderer } from './tty.ts';

const DEFAULT_COLUMNS = 80;

/** What `auto` means here: a terminal that can be drawn on, or plain lines (NO_COLOR, TERM=dumb, no terminal). */
export function progressMode(host: CliHost, wanted: ProgressMode): Exclude<ProgressMode, 'auto'> {
  if (wanted !== 'auto') return wanted;
  return host.stderr.isTTY === true && !isPlain(host) ? 'tty' : 'plain';
}

/** https://no-color.org: set and not empty. */
function isPlain(host: CliHost): boolean {
  return Boolean(host.environment.NO_COLOR) || host.environment.TERM === 'dumb';
}

export function openRenderer(host: CliHost, mode: Exclude<ProgressMode, 'auto'>): Renderer {
  const context: RenderContext = {
    write: (text) => void host.stderr.write(text),
    clock: () => host.clock(),
    every: (milliseconds, callback) => host.every(milliseconds, callback),
    // A terminal that nobody has given a size (`script` in CI) has 0 columns.
    columns: () => host.stderr.columns || DEFAULT_COLUMNS,
    colour: !isPlain(host),
  };
  if (mode === 'json') return createJsonRenderer(context);
  return mode === 'tty' ? createTtyRenderer(context) : createPlainRenderer(context);
}
