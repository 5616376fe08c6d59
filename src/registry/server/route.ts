import { type Digest, isDigest } from '../../oci/digest.ts';
import { isRepositoryName, isTag } from '../../oci/reference.ts';
import { type Answer, fault } from './answer.ts';

/** What a path of the distribution API means (distribution-spec, "Endpoints"). */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly subject: Digest };

const PATHS = /^\/v2\/(.+)\/(?:(manifests|blobs|referrers)\/([^/]+)|tags\/(list))$/;

/** Reads a path; what is none of the API's, or wrongly written, is an answer already. */
export function parseRoute(path: string): Route | Answer {
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  const match = PATHS.exec(path);
  if (match === null) return fault(404, 'UNSUPPORTED', 'this registry has nothing at that path');
  const [, repository = '', place, text = '', list] = match;
  if (!isRepositoryName(repository)) return fault(400, 'NAME_INVALID', 'no name of a repository');
  if (list !== undefined) return { kind: 'tags', repository };
  const reference = decoded(text);
  if (place === 'manifests') {
    if (isTag(reference) || isDigest(reference)) return { kind: 'manifest', repository, reference };
    return reference.includes(':')
      ? fault(400, 'DIGEST_INVALID', 'neither a tag nor a digest')
      : fault(404, 'MANIFEST_UNKNOWN', 'no tag can be written that way');
  }
  if (!isDigest(reference)) return fault(400, 'DIGEST_INVALID', 'no digest of sha256 or sha512');
  return place === 'blobs'
    ? { kind: 'blob', repository, digest: reference }
    : { kind: 'referrers', repository, subject: reference };
}

/** Some clients write a digest's colon as %3A. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
