import { answer, type Exchange, fail } from './exchange.ts';
import { digestAs, namedBy, repositoryOf } from './state.ts';

const INDEX = 'application/vnd.oci.image.index.v1+json';

/** `GET /v2/NAME/referrers/DIGEST`: an index, empty for what nobody knows. */
export function referrers(exchange: Exchange, name: string, subject: string): undefined {
  const { registry, url } = exchange;
  const { p11 } = registry.quirks;
  // The body too is what a server says that has no such route.
  if (p11 === 'redirect') return answer(exchange, 303, { location: `${registry.storageUrl}/web/${name}` });
  if (p11 !== undefined)
    return answer(exchange, 404, { 'content-type': 'text/plain' }, '404 page not found\n');
  const wanted = url.searchParams.get('artifactType');
  const all = [...repositoryOf(registry.state, name).manifests].filter(
    ([, manifest]) => namedBy(manifest).subject === subject,
  );
  const manifests = all
    .map(([digest, { bytes, mediaType }]) => {
      const document = JSON.parse(bytes.toString('utf8')) as {
        artifactType?: string;
        config?: { mediaType: string };
        annotations?: unknown;
      };
      const artifactType = document.artifactType ?? document.config?.mediaType;
      const { annotations } = document;
      return {
        mediaType,
        digest,
        size: bytes.length,
        artifactType,
        ...(annotations !== undefined && { annotations }),
      };
    })
    .filter(({ artifactType }) => wanted === null || artifactType === wanted);
  answer(
    exchange,
    200,
    { 'content-type': INDEX, ...(wanted !== null && { 'oci-filters-applied': 'artifactType' }) },
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }),
  );
}

/** Somebody else adds a referrer to the fallback tag (distribution-spec "Referrers Tag Schema") just before we write it. */
export function touchFallback(exchange: Exchange, name: string, tag: string): undefined {
  if (!/^sha256-[0-9a-f]{64}$/.test(tag)) return;
  const repository = repositoryOf(exchange.registry.state, name);
  const current = repository.manifests.get(repository.tags.get(tag) ?? '');
  const index = current
    ? JSON.parse(current.bytes.toString('utf8'))
    : { schemaVersion: 2, mediaType: INDEX, manifests: [] };
  const other = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, artifactType: 'application/other', manifests: [] }),
  );
  const otherDigest = digestAs('sha256:', other);
  repository.manifests.set(otherDigest, { bytes: other, mediaType: INDEX });
  index.manifests.push({
    mediaType: INDEX,
    digest: otherDigest,
    size: other.length,
    artifactType: 'application/other',
  });
  const bytes = Buffer.from(JSON.stringify(index));
  const digest = digestAs('sha256:', bytes);
  repository.manifests.set(digest, { bytes, mediaType: INDEX });
  repository.tags.set(tag, digest);
}

/** For the web page that GHCR's referrers lead to. */
export function webPage(exchange: Exchange): undefined {
  fail(exchange, 429, 'TOOMANYREQUESTS', 'Whoa there!', { headers: { 'retry-after': '60' } });
}
