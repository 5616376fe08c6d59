import type { Exchange } from './exchange.ts';

/** What became of a body: it all came, or the connection was given up meanwhile. */
export type Received = { readonly bytes: Buffer } | 'gone';

/** Takes a body in, with what goes wrong while one comes. `onPart` sees each part, even of a body that breaks. */
export async function receive(
  exchange: Exchange,
  onPart: (part: Buffer) => void = () => {},
): Promise<Received> {
  const { request, record, registry } = exchange;
  const { cutUpload, p17 } = registry.quirks;
  const parts: Buffer[] = [];
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    clearTimeout(timer);
    if (p17 !== undefined) timer = setTimeout(() => request.socket.destroy(), p17.idle);
  };
  let size = 0;
  try {
    watch();
    for await (const part of request as AsyncIterable<Buffer>) {
      watch();
      record.receivedBytes += part.length;
      size += part.length;
      const over = cutUpload !== undefined && size >= cutUpload.at;
      if (over && registry.take('cutUpload', cutUpload.times ?? 1)) {
        if (cutUpload.keep) onPart(part.subarray(0, part.length - (size - cutUpload.at)));
        request.socket.resetAndDestroy();
        return 'gone';
      }
      onPart(part);
      parts.push(part);
    }
    return { bytes: Buffer.concat(parts) };
  } catch {
    // The client went away, or was cut off.
    return 'gone';
  } finally {
    clearTimeout(timer);
  }
}
