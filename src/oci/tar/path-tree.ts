import { randomBytes } from 'node:crypto';
import { DogwoodError } from '../../errors.ts';

/** What stands at a path. `implied` is a directory that so far only its members imply. */
export const PATH_KIND = { implied: 0, directory: 1, file: 2, symlink: 3 } as const;
export type PathKind = (typeof PATH_KIND)[keyof typeof PATH_KIND];

export const ROOT = 0;
export const NONE = -1;

/** Every path of an archive, exactly, in some 25 bytes and the last segment's name each. */
export interface PathTree {
  /** The child of `parent` whose name is `bytes[start, end)`, or NONE. */
  find(parent: number, bytes: Uint8Array, start: number, end: number): number;
  /** Adds that child, which must not be there yet. Throws LIMIT_EXCEEDED. */
  add(parent: number, bytes: Uint8Array, start: number, end: number, kind: PathKind): number;
  kind(node: number): PathKind;
  setKind(node: number, kind: PathKind): void;
}

const NODE_BYTES = 25;
/** What the arrays below can hold, whatever a limit was raised to: beyond it names would be taken for others. */
const MAX_LENGTH = 0xffff;
const MAX_BYTES = 0xffff_ffff;

/**
 * An exact set of paths in typed arrays: nodes are numbered, a hash table finds a child by parent and name, all
 * names lie in one buffer. A million strings in a Map would be several times the memory of a whole conversion.
 *
 * @param maxBytes bound on the memory of names and nodes
 */
export function createPathTree(maxBytes: number): PathTree {
  // Keyed, so that nobody can choose names that all fall into one slot.
  const seed = randomBytes(4).readUInt32LE();
  let count = 1;
  let nameBytes = 0;
  let parents = new Uint32Array(1024);
  let hashes = new Uint32Array(1024);
  let starts = new Uint32Array(1024);
  let lengths = new Uint16Array(1024);
  let kinds = new Uint8Array(1024);
  let names = new Uint8Array(16 * 1024);
  // Node numbers; 0 is the root, which is nobody's child, and so marks a free slot.
  let slots = new Uint32Array(2048);

  const hashOf = (parent: number, bytes: Uint8Array, start: number, end: number): number => {
    let hash = Math.imul(seed ^ parent, 0x9e3779b1);
    for (let index = start; index < end; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
    return (hash ^ (hash >>> 15)) >>> 0;
  };

  const isNode = (node: number, parent: number, bytes: Uint8Array, start: number, end: number): boolean => {
    if (parents[node] !== parent || lengths[node] !== end - start) return false;
    const offset = (starts[node] ?? 0) - start;
    for (let index = start; index < end; index++) if (names[offset + index] !== bytes[index]) return false;
    return true;
  };

  const insert = (node: number): void => {
    const mask = slots.length - 1;
    let slot = (hashes[node] ?? 0) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = node;
  };

  const growNodes = (): void => {
    parents = resized(parents, new Uint32Array(parents.length * 2));
    hashes = resized(hashes, new Uint32Array(hashes.length * 2));
    starts = resized(starts, new Uint32Array(starts.length * 2));
    lengths = resized(lengths, new Uint16Array(lengths.length * 2));
    kinds = resized(kinds, new Uint8Array(kinds.length * 2));
    slots = new Uint32Array(slots.length * 2);
    for (let node = 1; node < count; node++) insert(node);
  };

  return {
    find(parent, bytes, start, end) {
      const hash = hashOf(parent, bytes, start, end);
      const mask = slots.length - 1;
      for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
        const node = slots[slot] ?? 0;
        if (node === 0) return NONE;
        if (hashes[node] === hash && isNode(node, parent, bytes, start, end)) return node;
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
      if ((count + 1) * NODE_BYTES + nameBytes + length > Math.min(maxBytes, MAX_BYTES)) {
        throw new DogwoodError(
          'LIMIT_EXCEEDED',
          `the names in the archive need more than ${maxBytes} bytes of memory (maxNameTableBytes)`,
        );
      }
      if (count === parents.length) growNodes();
      while (nameBytes + length > names.length) names = resized(names, new Uint8Array(names.length * 2));
      const node = count++;
      parents[node] = parent;
      hashes[node] = hashOf(parent, bytes, start, end);
      starts[node] = nameBytes;
      lengths[node] = length;
      kinds[node] = kind;
      names.set(bytes.subarray(start, end), nameBytes);
      nameBytes += length;
      insert(node);
      return node;
    },
    kind: (node) => (kinds[node] ?? PATH_KIND.implied) as PathKind,
    setKind(node, kind) {
      kinds[node] = kind;
    },
  };
}

function resized<T extends Uint8Array | Uint16Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
