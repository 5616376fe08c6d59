import type { BuildEvent } from '../../plan/events.ts';

/** Shows the events of one run while they happen, on standard error. */
export interface Renderer {
  event(event: BuildEvent): void;
  /** Shows what is still held back and stops all timers; nothing may follow. */
  end(): void;
}

/** Where a renderer writes, and the time it lives in. Tests bring a clock of their own. */
export interface RenderContext {
  write(text: string): void;
  /** Milliseconds, monotonic. */
  clock(): number;
  /** Calls back again and again, every so many milliseconds, until stopped. */
  every(milliseconds: number, callback: () => void): () => void;
  /** Width of the terminal. */
  columns(): number;
  readonly colour: boolean;
}
