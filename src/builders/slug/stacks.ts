/** What Heroku says of a stack (heroku/base-images README). */
export interface Stack {
  readonly name: string;
  readonly image: string;
  /** Last day of support, when it has passed: the image gets no more patches. */
  readonly endOfLife?: string;
}

const STACKS: readonly Stack[] = [
  { name: 'heroku-16', image: 'heroku/heroku:16', endOfLife: '2021-05-01' },
  { name: 'heroku-18', image: 'heroku/heroku:18', endOfLife: '2023-04-30' },
  { name: 'heroku-20', image: 'heroku/heroku:20', endOfLife: '2025-04-30' },
  { name: 'heroku-22', image: 'heroku/heroku:22' },
  { name: 'heroku-24', image: 'heroku/heroku:24' },
  { name: 'heroku-26', image: 'heroku/heroku:26' },
];

/** The stack of that name; undefined when it has no image of its own (cedar-14, container, cnb). */
export function findStack(name: string): Stack | undefined {
  return STACKS.find((stack) => stack.name === name);
}

export function stackNames(): readonly string[] {
  return STACKS.map((stack) => stack.name);
}
