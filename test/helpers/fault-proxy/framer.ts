/**
 * Where heads and bodies begin and end in one direction of an HTTP/1.1 connection (RFC 9112 section 6), told from the
 * bytes as they pass. Nothing is held back: a head that is half there is passed on as half a head.
 */
export interface Piece {
  readonly bytes: Buffer;
  /** `framing` is what a chunked body has around its bytes. */
  readonly section: 'head' | 'body' | 'framing';
  /** The first of its message. */
  readonly begins: boolean;
}

export interface Framer {
  split(chunk: Buffer): Piece[];
}

/** What a head says about the body behind it: bytes, in chunks, or up to the end of the connection. */
type Length = number | 'chunked' | 'to-the-end';

interface State {
  in: 'head' | 'fixed' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'to-the-end';
  /** What was seen of a head or of a line. */
  text: string;
  left: number;
  begins: boolean;
}

/**
 * @param onHead is given each whole head and says how long the body behind it is
 */
function createFramer(onHead: (head: string) => Length): Framer {
  const state: State = { in: 'head', text: '', left: 0, begins: true };
  return {
    split(chunk) {
      const pieces: Piece[] = [];
      for (let rest = chunk; rest.length > 0; ) {
        const [section, length] = next(state, rest, onHead);
        pieces.push({ bytes: rest.subarray(0, length), section, begins: state.begins });
        // A new head is awaited: the next byte is the first of its message.
        state.begins = state.in === 'head' && state.text === '';
        rest = rest.subarray(length);
      }
      return pieces;
    },
  };
}

/** How many of these bytes belong together, and what they are. Moves the state behind them. */
function next(state: State, bytes: Buffer, onHead: (head: string) => Length): [Piece['section'], number] {
  switch (state.in) {
    case 'head': {
      const length = upTo(state, bytes, '\r\n\r\n');
      if (state.text.endsWith('\r\n\r\n')) {
        const found = onHead(state.text);
        state.text = '';
        if (found === 'chunked') state.in = 'chunk-size';
        else if (found === 'to-the-end') state.in = 'to-the-end';
        else if (found > 0) Object.assign(state, { in: 'fixed', left: found });
      }
      return ['head', length];
    }
    case 'fixed':
    case 'chunk': {
      const length = Math.min(bytes.length, state.left);
      state.left -= length;
      if (state.left === 0) state.in = state.in === 'chunk' ? 'chunk-end' : 'head';
      return ['body', length];
    }
    case 'to-the-end':
      return ['body', bytes.length];
    default: {
      const length = upTo(state, bytes, '\r\n');
      if (state.text.endsWith('\r\n')) {
        const line = state.text.slice(0, -2);
        state.text = '';
        if (state.in === 'chunk-end') state.in = 'chunk-size';
        else if (state.in === 'trailer') state.in = line === '' ? 'head' : 'trailer';
        else {
          state.left = Number.parseInt(line, 16);
          state.in = state.left === 0 ? 'trailer' : 'chunk';
        }
      }
      return ['framing', length];
    }
  }
}

/** Collects text up to and with an end mark, which may come in parts. */
function upTo(state: State, bytes: Buffer, mark: string): number {
  const text = state.text + bytes.toString('latin1');
  const at = text.indexOf(mark);
  const end = at < 0 ? text.length : at + mark.length;
  const length = end - state.text.length;
  state.text = text.slice(0, end);
  return length;
}

const header = (head: string, name: string): string | undefined =>
  new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'im').exec(head)?.[1];

function lengthOf(head: string, without: Length): Length {
  if (/chunked/i.test(header(head, 'transfer-encoding') ?? '')) return 'chunked';
  const length = header(head, 'content-length');
  return length === undefined ? without : Number(length);
}

/** Both directions of one connection: what an answer is like depends on what was asked. */
export function createFramers(onRequest: (method: string, target: string) => void = () => {}): {
  readonly requests: Framer;
  readonly answers: Framer;
} {
  const asked: string[] = [];
  const requests = createFramer((head) => {
    const [method = '', target = ''] = head.split(' ', 2);
    asked.push(method);
    onRequest(method, target);
    return lengthOf(head, 0);
  });
  const answers = createFramer((head) => {
    const status = Number(head.split(' ', 2)[1]);
    // A 100 (Continue) comes before the answer.
    if (status < 200) return 0;
    const method = asked.shift();
    return method === 'HEAD' || status === 204 || status === 304 ? 0 : lengthOf(head, 'to-the-end');
  });
  return { requests, answers };
}
