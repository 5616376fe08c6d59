import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/media-types.ts';
import { referrerEntry } from '../../oci/referrer.ts';
import { type Answer, fault, jsonAnswer } from './answer.ts';
import type { PullContent, RepositoryContent } from './content.ts';

/** As many tags as one answer has at most, and without `n`. */
const MAX_TAGS = 1000;
/** Descriptors with annotations; an answer should stay within the 4 MiB of a manifest. */
const MAX_REFERRERS_BYTES = 2 * 1024 * 1024;

/** distribution-spec, "Listing Tags": in the order of their bytes, `n` at a time, from behind `last`. */
export function listTags(repository: string, { tags }: RepositoryContent, query: URLSearchParams): Answer {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,9}$/.test(asked)) {
    return fault(400, 'PAGINATION_NUMBER_INVALID', 'n is a number');
  }
  const count = Math.min(asked === null ? MAX_TAGS : Number(asked), MAX_TAGS);
  const last = query.get('last');
  const rest = last === null ? tags : tags.filter((tag) => tag > last);
  const page = rest.slice(0, count);
  const end = page.at(-1);
  const more = end !== undefined && rest.length > page.length;
  const next = more ? link(`/v2/${repository}/tags/list`, { n: `${count}`, last: end }) : {};
  return jsonAnswer({ name: repository, tags: page }, 'application/json', next);
}

/** distribution-spec, "Listing Referrers": an index, empty where nothing refers to the digest. */
export async function listReferrers(
  repository: string,
  subject: Digest,
  { content, of }: { readonly content: PullContent; readonly of: RepositoryContent },
  query: URLSearchParams,
): Promise<Answer> {
  const artifactType = query.get('artifactType');
  const last = query.get('last');
  const manifests: Descriptor[] = [];
  let bytes = 0;
  let more = false;
  for (const referrer of of.referrers(subject)) {
    if (last !== null && referrer.digest <= last) continue;
    const entry = referrerEntry(referrer, await content.read(referrer));
    if (artifactType !== null && entry.artifactType !== artifactType) continue;
    bytes += JSON.stringify(entry).length;
    more = manifests.length > 0 && bytes > MAX_REFERRERS_BYTES;
    if (more) break;
    manifests.push(entry);
  }
  const filter = artifactType === null ? {} : { artifactType };
  const end = manifests.at(-1);
  const next =
    more && end !== undefined
      ? link(`/v2/${repository}/referrers/${subject}`, { ...filter, last: end.digest })
      : {};
  const filtered = artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  return jsonAnswer(index, MEDIA_TYPES.ociIndex, { ...filtered, ...next });
}

/** RFC 5988. */
function link(path: string, query: Readonly<Record<string, string>>): { link: string } {
  return { link: `<${path}?${new URLSearchParams(query)}>; rel="next"` };
}
