import { terminalJson } from './escape.ts';
import type { RenderContext, Renderer } from './renderer.ts';

/** Every event as a line of JSON, as it comes. */
export function createJsonRenderer(context: Pick<RenderContext, 'write'>): Renderer {
  return { event: (event) => context.write(`${terminalJson(event)}\n`), end: () => {} };
}
