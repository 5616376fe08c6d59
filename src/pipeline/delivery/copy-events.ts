import type { CopyEvent } from '../../oci/copy.ts';
import type { Emit } from '../../plan/events.ts';

/**
 * Tells of a copy's bytes as one transfer. Its total grows as blobs are found and shrinks again by those that were
 * there already, so that what is told is what passes.
 */
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
      const passed = event.outcome === 'sent' ? size : 0;
      // What was sent twice in a retry counts once.
      bytes += passed - (counted.get(digest) ?? 0);
      counted.set(digest, passed);
      total += passed - size;
      progress(bytes === total);
    }
  };
}
