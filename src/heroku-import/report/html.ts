import { escapeControl } from '../../plan/visible.ts';

declare const brand: unique symbol;

/** Text that is HTML already. Only `html` and `raw` make it. */
export interface Html {
  readonly [brand]?: 'Html';
  readonly markup: string;
}

/** What may stand in a template: everything but HTML is escaped; nothing is written for what is absent. */
export type Part = string | number | Html | false | null | undefined | readonly Part[];

/**
 * A piece of a page. Whatever is put in is escaped for text and for attributes in quotes, which every attribute is; it
 * must never stand in a script, a style, or an attribute that holds one.
 */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { markup: texts.reduce((all, text, index) => `${all}${written(parts[index - 1])}${text}`) };
}

/** Text of our own that is not to be escaped. */
export const raw = (markup: string): Html => ({ markup });

function written(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escapeControl(part).replace(/[&<>"'`]/g, entity);
  return isList(part) ? part.map(written).join('') : part.markup;
}

const isList = (part: Html | readonly Part[]): part is readonly Part[] => Array.isArray(part);

const entity = (character: string): string => `&#${character.charCodeAt(0)};`;
