import { type DefaultTreeAdapterTypes, parse } from 'parse5';

type Node = DefaultTreeAdapterTypes.ChildNode;
export type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser's parser reads it, with what the parser had to put right. */
export function parsePage(text: string) {
  const problems: string[] = [];
  const document = parse(text, {
    onParseError: ({ code, startLine }) => problems.push(`${code} in line ${startLine}`),
  });
  const elements = document.childNodes.flatMap(elementsOf);
  return {
    problems,
    elements,
    named: (...names: readonly string[]) => elements.filter(({ tagName }) => names.includes(tagName)),
    text: (name: string) => elements.filter(({ tagName }) => tagName === name).map(textOf),
  };
}

export const attribute = (element: Element, name: string): string | undefined =>
  element.attrs.find((one) => one.name === name)?.value;

function elementsOf(node: Node): readonly Element[] {
  if (!('tagName' in node)) return [];
  return [node, ...node.childNodes.flatMap(elementsOf)];
}

export function textOf(node: Node): string {
  if ('value' in node) return node.value;
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';
}
