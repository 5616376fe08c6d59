import { randomBytes } from 'node:crypto';
import { DogwoodError } from '../../errors.ts';

/** What stands at a path. `implied` is a directory that so far only its members imply. */
export const PATH_KIND = { implied: 0, directory: 1, file: 2, symlink: 3 } as const;
export type PathKind = (typeof PATH_KIND)[keyof typeof PATH_KIND];

export const ROOT = 0;
export const NONE = -1;

/** Every path of an archive, exactly, in some 20 bytes and the last segment's name each. */
export interface PathTree {
  /** The child of `parent` whose name is `bytes[start, end)`, or NONE. */
  find(parent: number, bytes: Uint8Array, start: number, end: number): number;
  /** Adds that child, which must not be there yet. Throws LIMIT_EXCEEDED. */
  add(parent: number, bytes: Uint8Array, start: number, end: number, kind: PathKind): number;
  /** Holds nothing but the root. */
  isEmpty(): boolean;
  kind(node: number): PathKind;
  setKind(node: number, kind: PathKind): void;
}

/** Its columns, and its share of a hash table that is between 3/8 and 3/4 full. */
const NODE_BYTES = 22;
/** What the arrays below can hold, whatever a limit was raised to: beyond it names would be taken for others. */
const MAX_LENGTH = 0xffff;
const MAX_BYTES = 0xc000_0000;

// Pages are as large as the buffers that come and go: small ones would settle in the gaps that those leave, where the
// next buffer then no longer fits. Most archives need no whole page.
const PAGE_NODES = 256 * 1024;
const PAGE_BYTES = 1024 * 1024;
const FIRST_NODES = 1024;
const FIRST_BYTES = 16 * 1024;
const MAX_FILL = 0.75;
const NO_BYTES = new Uint8Array(0);

/**
 * An exact set of paths in typed arrays: nodes are numbered, a hash table finds a child by parent and name, all
 * names lie one behind the other. A million strings in a Map would be several times the memory of a whole conversion.
 *
 * Columns grow by pages and never move: arrays that double have the old one beside the new one, up to half of the
 * new one empty, and what they leave is collected late.
 *
 * @param maxBytes bound on the memory of names and nodes
 */
export function createPathTree(maxBytes: number): PathTree {
  // Keyed, so that nobody can choose names that all fall into one slot.
  const seed = randomBytes(4).readUInt32LE();
  let count = 1;
  const parents = column((nodes) => new Uint32Array(nodes));
  const starts = column((nodes) => new Uint32Array(nodes));
  const lengths = column((nodes) => new Uint16Array(nodes));
  const kinds = column((nodes) => new Uint8Array(nodes));
  const names = createNames();
  // Node numbers; 0 is the root, which is nobody's child, and so marks a free slot.
  let slots = new Uint32Array(2048);

  const hashOf = (parent: number, bytes: Uint8Array, start: number, end: number): number => {
    let hash = Math.imul(seed ^ parent, 0x9e3779b1);
    for (let index = start; index < end; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  };

  const insert = (node: number, hash: number): void => {
    const mask = slots.length - 1;
    let slot = hash & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = node;
  };

  const growSlots = (): void => {
    slots = new Uint32Array(slots.length * 2);
    for (let node = 1; node < count; node++) {
      const start = starts.get(node);
      const offset = start % PAGE_BYTES;
      insert(node, hashOf(parents.get(node), names.page(start), offset, offset + lengths.get(node)));
    }
  };

  return {
    find(parent, bytes, start, end) {
      const hash = hashOf(parent, bytes, start, end);
      const mask = slots.length - 1;
      for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
        const node = slots[slot] ?? 0;
        if (node === 0) return NONE;
        const isNode = parents.get(node) === parent && lengths.get(node) === end - start;
        if (isNode && names.has(starts.get(node), bytes, start, end)) return node;
      }
    },
    add(parent, bytes, start, end, kind) {
      const length = end - start;
      if (length > MAX_LENGTH) {
        throw new DogwoodError(
          'LIMIT_EXCEEDED',
          `a part of a name has ${length} bytes, at most ${MAX_LENGTH} are read`,
        );
      }
      if ((count + 1) * NODE_BYTES + names.size + length > Math.min(maxBytes, MAX_BYTES)) {
        throw new DogwoodError(
          'LIMIT_EXCEEDED',
          `the names in the archive need more than ${maxBytes} bytes of memory (maxNameTableBytes)`,
        );
      }
      if (count > slots.length * MAX_FILL) growSlots();
      const node = count++;
      parents.set(node, parent);
      starts.set(node, names.add(bytes.subarray(start, end)));
      lengths.set(node, length);
      kinds.set(node, kind);
      insert(node, hashOf(parent, bytes, start, end));
      return node;
    },
    isEmpty: () => count === 1,
    kind: (node) => kinds.get(node) as PathKind,
    setKind: (node, kind) => kinds.set(node, kind),
  };
}

/** A number for each node. */
function column(page: (nodes: number) => Uint8Array | Uint16Array | Uint32Array) {
  const pages = [page(FIRST_NODES)];
  return {
    get: (node: number): number => pages[Math.floor(node / PAGE_NODES)]?.[node % PAGE_NODES] ?? 0,
    set(node: number, value: number): void {
      const index = Math.floor(node / PAGE_NODES);
      let numbers = pages[index];
      if (numbers === undefined || node % PAGE_NODES >= numbers.length) {
        const whole = page(PAGE_NODES);
        if (numbers !== undefined) whole.set(numbers);
        numbers = whole;
        pages[index] = whole;
      }
      numbers[node % PAGE_NODES] = value;
    },
  };
}

/** Names one behind the other; each lies in one page. */
function createNames() {
  const pages = [new Uint8Array(FIRST_BYTES)];
  const page = (start: number): Uint8Array => pages[Math.floor(start / PAGE_BYTES)] ?? NO_BYTES;
  let size = 0;
  let next = 0;
  let room = FIRST_BYTES;
  return {
    /** Bytes of all names. */
    get size() {
      return size;
    },
    page,
    /** Gives where the name starts. */
    add(name: Uint8Array): number {
      if (name.length > room) {
        next = pages.length * PAGE_BYTES;
        room = PAGE_BYTES;
        pages.push(new Uint8Array(PAGE_BYTES));
      }
      const start = next;
      page(start).set(name, start % PAGE_BYTES);
      size += name.length;
      next += name.length;
      room -= name.length;
      return start;
    },
    has(at: number, bytes: Uint8Array, start: number, end: number): boolean {
      const known = page(at);
      const offset = (at % PAGE_BYTES) - start;
      for (let index = start; index < end; index++) if (known[offset + index] !== bytes[index]) return false;
      return true;
    },
  };
}
