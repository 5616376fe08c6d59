import type { CopyEvent } from '../oci/copy.ts';
import type { Emit } from '../plan/events.ts';

/** Tells of a copy's bytes as one transfer: its total grows as blobs are found. */
export function copyEvents(transfer: string, emit: Emit): (event: CopyEvent) => void {
  let bytes = 0;
  let total = 0;
  const counted = new Map<string, number>();
  const progress = (done: boolean): void =>
    emit({ type: 'progress', step: 'push', transfer, bytes, total, done });
  return (event) => {
    const { digest, size } = event.descriptor;
    if (event.type === 'found') {
      total += size;
      progress(false);
    } else if (event.type === 'bytes') {
      counted.set(digest, (counted.get(digest) ?? 0) + event.count);
      bytes += event.count;
      progress(false);
    } else if (event.type === 'done') {
      // What was there already counts as passed; what was sent twice in a retry counts once.
      bytes += size - (counted.get(digest) ?? 0);
      counted.set(digest, size);
      progress(bytes === total);
    }
  };
}
