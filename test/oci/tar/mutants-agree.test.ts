import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DogwoodError } from '../../../src/errors.ts';
import { describeWith } from '../../helpers/engines.ts';
import { temporaryFolder } from '../../helpers/temp.ts';
import { listing, observe } from './observe.ts';
import * as raw from './raw-tar.ts';

/** Lists every archive named on its command line, one JSON line for each. */
const PYTHON_LIST = `
import hashlib, json, posixpath, sys, tarfile
def norm(name):
    name = posixpath.normpath(name)
    return '' if name == '.' else name
def rows(path):
    with tarfile.open(path, 'r:', encoding='utf-8') as archive:
        for m in archive:
            kind = 'file' if m.isreg() else 'directory' if m.isdir() else 'symlink' if m.issym() else 'hardlink' if m.islnk() else '?'
            link = m.linkname if m.issym() else norm(m.linkname) if m.islnk() else ''
            data = hashlib.sha256(archive.extractfile(m).read()).hexdigest() if kind == 'file' else ''
            yield json.dumps([norm(m.name), kind, m.size if kind == 'file' else 0, link, data], ensure_ascii=False, separators=(',', ':'))
for path in sys.argv[1:]:
    try:
        print(json.dumps(list(rows(path))))
    except Exception as error:
        print(json.dumps([repr(error)]))
`;

/** Every format and kind of member. */
const SAMPLE = raw.archive(
  raw.directory('./app/'),
  raw.file('./app/one', 'x'.repeat(600)),
  raw.pax({ path: `app/${'ü'.repeat(60)}`, mtime: '1.5', uid: '70000', size: '7' }),
  raw.file('app/long', 'content'),
  raw.longName(`app/${'g'.repeat(150)}`),
  raw.file('app/g', '', { magic: raw.GNU }),
  raw.longLink('t'.repeat(120)),
  raw.symlink('app/l', '../x', { magic: raw.GNU }),
  raw.hardlink('app/h', 'app/one'),
  raw.file('n', 'abc', { prefix: 'pre/fix' }),
  raw.file('v/', '', { type: '\0', magic: raw.V7 }),
  raw.file('app/two', 'y'.repeat(512)),
);
const BLOCKS = SAMPLE.length / 512 - 2;
const FIELDS: readonly (readonly [start: number, length: number])[] = [
  [0, 100],
  [100, 24],
  [124, 12],
  [136, 12],
  [156, 1],
  [157, 100],
  [257, 8],
  [265, 64],
  [329, 16],
  [345, 155],
  [500, 12],
];
/** Bytes that mean something somewhere: NUL, blank, slash, dot, digits, types, base-256, newline, equals sign. */
const TELLING = [...Buffer.from('\0 /.0157LxgS\n=a'), 0x80, 0xff];

const change = fc.record({
  block: fc.nat(BLOCKS - 1),
  field: fc.constantFrom(...FIELDS),
  within: fc.nat(200),
  byte: fc.oneof(fc.constantFrom(...TELLING), fc.nat(255)),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function mutated(changes: readonly Change[]): Buffer {
  const bytes = Buffer.from(SAMPLE);
  for (const { block, field, within, byte } of changes) {
    const start = block * 512;
    const wasHeader = hasChecksum(bytes.subarray(start, start + 512));
    bytes[start + field[0] + (within % field[1])] = byte;
    if (wasHeader) raw.withChecksum(bytes.subarray(start, start + 512));
  }
  return bytes;
}

function hasChecksum(block: Buffer): boolean {
  return raw.withChecksum(Buffer.from(block)).equals(block);
}

/** What our reader lists, or undefined when it refuses. */
function accepted(bytes: Buffer): string[] | undefined {
  try {
    return listing(observe(bytes));
  } catch (error) {
    if (error instanceof DogwoodError) return undefined;
    throw error;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** A name as GNU tar and bsdtar print it, byte for byte, normalised. */
function printedName(line: string): string {
  const bytes = Buffer.from(line).toString('latin1');
  const plain = bytes.replace(/\\(?:([abfnrtv\\])|([0-7]{3}))/g, (_, letter?: string, octal?: string) => {
    return letter === undefined
      ? String.fromCharCode(Number.parseInt(octal ?? '', 8))
      : (ESCAPES[letter] ?? '');
  });
  const name = Buffer.from(plain, 'latin1').toString('utf8');
  return name
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}

const mutants = fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), {
  minLength: 150,
  maxLength: 150,
});

describeWith(
  ['gnutar', 'bsdtar', 'python3'],
  'damaged archives that are accepted',
  ({ gnutar, bsdtar, python3 }) => {
    const env = { LC_ALL: 'C.UTF-8' };

    const names = async (tool: string, archive: string): Promise<string[]> => {
      const quoting = tool === gnutar ? ['--quoting-style=escape'] : [];
      const { stdout } = await execa(tool, ['-t', '-f', archive, ...quoting], { env });
      return stdout.split('\n').map(printedName);
    };

    test('read alike everywhere', async () => {
      const folder = await temporaryFolder();
      let compared = 0;
      await fc.assert(
        fc.asyncProperty(mutants, async (drawn) => {
          const ours = drawn
            .map((changes) => mutated(changes))
            .map((bytes) => ({ bytes, lines: accepted(bytes) }))
            .filter(({ lines }) => lines !== undefined);
          const files = ours.map((_, index) => join(folder, `${index}.tar`));
          await Promise.all(ours.map(({ bytes }, index) => writeFile(files[index] ?? '', bytes)));
          const { stdout } = await execa(python3, ['-c', PYTHON_LIST, ...files], { env });
          const theirs = stdout.split('\n').map((line) => JSON.parse(line));
          expect(theirs).toEqual(ours.map(({ lines }) => lines));
          for (const [index, archive] of files.entries()) {
            if (index % 5 !== 0) continue;
            const paths = ours[index]?.lines?.map((line) => JSON.parse(line)[0]);
            expect(await names(gnutar, archive)).toEqual(paths);
            expect(await names(bsdtar, archive)).toEqual(paths);
          }
          compared += ours.length;
        }),
        { numRuns: 6, endOnFailure: true },
      );
      expect(compared).toBeGreaterThan(30);
    });
  },
);
