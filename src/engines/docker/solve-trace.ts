import type { SolveStatus, Vertex, VertexLog } from '../dockerfile/solve-status.ts';

/** A field of a protobuf message: its number, and its bytes or its value. */
interface Field {
  readonly number: number;
  readonly bytes: Buffer;
  readonly value: number;
}

/**
 * Reads a `moby.buildkit.trace` of the Engine API: BuildKit's StatusResponse (control.proto) as protobuf. dockerode
 * decodes them, too, but only into text. Fields that nobody needs here are passed over; what is cut short ends early.
 */
export function readTrace(bytes: Buffer): SolveStatus {
  const vertexes: Vertex[] = [];
  const logs: VertexLog[] = [];
  const warnings: { short: string }[] = [];
  for (const field of fields(bytes)) {
    if (field.number === 1) vertexes.push(readVertex(field.bytes));
    else if (field.number === 3) logs.push(readLog(field.bytes));
    else if (field.number === 4) {
      const short = find(field.bytes, 3)?.bytes;
      if (short !== undefined) warnings.push({ short: short.toString('base64') });
    }
  }
  return { vertexes, logs, warnings };
}

function readVertex(bytes: Buffer): Vertex {
  const text = (number: number) => find(bytes, number)?.bytes.toString('utf8');
  return {
    digest: text(1) ?? '',
    name: text(3) ?? '',
    inputs: [...fields(bytes)].flatMap((field) => (field.number === 2 ? [field.bytes.toString('utf8')] : [])),
    cached: find(bytes, 4)?.value === 1,
    started: readTime(find(bytes, 5)?.bytes),
    completed: readTime(find(bytes, 6)?.bytes),
    error: text(7),
  };
}

function readLog(bytes: Buffer): VertexLog {
  return {
    vertex: find(bytes, 1)?.bytes.toString('utf8') ?? '',
    stream: find(bytes, 3)?.value ?? 1,
    data: find(bytes, 4)?.bytes.toString('base64') ?? '',
  };
}

/** google.protobuf.Timestamp: seconds and nanoseconds. */
function readTime(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const seconds = find(bytes, 1)?.value ?? 0;
  const nanoseconds = find(bytes, 2)?.value ?? 0;
  return new Date(seconds * 1000 + nanoseconds / 1e6).toISOString();
}

const find = (bytes: Buffer, number: number): Field | undefined =>
  [...fields(bytes)].findLast((field) => field.number === number);

/** https://protobuf.dev/programming-guides/encoding */
function* fields(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) yield { number, bytes: Buffer.alloc(0), value: varint() };
    else if (type === 1 || type === 5) at += type === 1 ? 8 : 4;
    else if (type === 2) {
      const length = varint();
      yield { number, bytes: bytes.subarray(at, at + length), value: 0 };
      at += length;
    } else return;
  }
}
