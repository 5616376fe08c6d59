import { registryHost } from '../../oci/reference.ts';

/** What a host taught this run about uploads. What is not set is not known. */
export interface UploadRules {
  /** Bytes of the largest chunk that it takes. */
  maxChunk?: number | undefined;
  /** It takes no chunk that says which bytes it is. */
  unranged?: boolean | undefined;
  /** Bytes: so large a blob it does not take in one request (413). */
  maxWhole?: number | undefined;
  /** It says yes to chunks and drops them, or loses their session: everything goes in one request. */
  wholeOnly?: boolean | undefined;
  /** Does it find a blob to mount that is named without a repository? */
  anonymousMount?: 'yes' | 'no' | undefined;
  /** Times that it declined to, in a row. */
  anonymousDeclined?: number | undefined;
}

/** The rules of each host, which whoever learns one writes down. */
export type UploadRulesByHost = (registry: string) => UploadRules;

export function createUploadRules(): UploadRulesByHost {
  const hosts = new Map<string, UploadRules>();
  return (registry) => {
    const host = registryHost(registry);
    const rules = hosts.get(host) ?? {};
    hosts.set(host, rules);
    return rules;
  };
}

/** Bytes of a chunk where nobody asks for more or less: little enough to send again, too much to wait for each. */
export const CHUNK = 16 * 1024 * 1024;

/** A refused chunk is followed by a quarter of it: 16 MiB, GHCR's 4 (rust-oci-client#35), nginx's 1, at last 256 KiB. */
const MIN_CHUNK = 256 * 1024;

/** Bytes of the next chunk. The memory it takes does not depend on it: chunks are streamed. */
export function chunkLength(rules: UploadRules, atLeast: number, left: number): number {
  return Math.min(left, Math.max(atLeast, Math.min(CHUNK, rules.maxChunk ?? CHUNK)));
}

/** Takes down that chunks of this length are refused; false when there are none left to try. */
export function refuseChunk(rules: UploadRules, length: number, atLeast: number): boolean {
  const smaller = Math.floor(Math.min(length, CHUNK) / 4);
  if (smaller < MIN_CHUNK || smaller < atLeast) return false;
  rules.maxChunk = Math.min(smaller, rules.maxChunk ?? smaller);
  return true;
}
