import type { BlobOrigin } from '../../oci/content.ts';
import type { Digest } from '../../oci/digest.ts';
import { canonicalRegistry } from '../../oci/reference.ts';
import { pullScope, pushScope } from '../auth/scope.ts';
import { discard, header } from '../http/body.ts';
import type { UploadRules } from './rules.ts';
import {
  cancelSession,
  sessionOf,
  sizeInRepository,
  type Upload,
  type UploadSession,
  uploadRequest,
  uploadsPath,
} from './session.ts';

/** How many repositories are asked to mount from before the bytes are sent. */
const MAX_TRIES = 3;
/** Bytes below which sending costs no more than asking a second repository. */
const WORTH_ASKING_AGAIN = 64 * 1024;
/** Times in a row that a host may say no to a mount from nowhere before it is no longer asked in this run. */
const MAX_DECLINED = 3;

/** `mounted` with the blob's size, or the session that a refusal opened, if any. */
export type MountOutcome =
  | { readonly mounted: true; readonly size: number }
  | { readonly mounted: false; readonly session: UploadSession | undefined };

const NO: MountOutcome = { mounted: false, session: undefined };

/**
 * Asks the registry to take the blob from another of its repositories (distribution-spec, "Mounting a blob from
 * another repository"): those that the content names, then those where this run or earlier ones saw it. Without any,
 * the registry is asked to find it by itself (`mount` without `from`, distribution-spec, "MAY treat the from parameter
 * as optional"): that costs no request, for what declines it answers with the session that is needed anyway.
 *
 * Nothing that goes wrong here is an error: users may lack the right to pull there, which registries say with 400,
 * 401, 403 or 404 (go-containerregistry#1404, harbor#17097), and ECR declines what no manifest names yet
 * (containers-roadmap#2860). A 202 declines, and opens a session; the last one of them is used, others are given up.
 */
export async function mountBlob(upload: Upload, digest: Digest): Promise<MountOutcome> {
  const { repository, expected, client } = upload;
  const rules = client.uploadRules(repository.registry);
  const candidates = await candidatesOf(upload, digest);
  const small = expected.size !== undefined && expected.size < WORTH_ASKING_AGAIN;
  let session: UploadSession | undefined;
  for (const from of candidates.slice(0, small ? 1 : MAX_TRIES)) {
    const answer = await ask(upload, digest, from);
    if (answer === undefined) continue;
    if (session !== undefined) await cancelSession(upload, session);
    if (answer.mounted) return answer;
    session = answer.session;
  }
  if (candidates.length > 0 || rules.anonymousMount === 'no') return { mounted: false, session };
  return await mountFromAnywhere(upload, digest, rules);
}

async function candidatesOf(upload: Upload, digest: Digest): Promise<readonly BlobOrigin[]> {
  const { repository, content, client } = upload;
  const host = canonicalRegistry(repository.registry);
  const named = (content.origins ?? []).filter((origin) => canonicalRegistry(origin.registry) === host);
  const known = await client.blobs.elsewhere(repository, digest);
  const names = new Set([...named, ...known].map((origin) => origin.repository));
  names.delete(repository.repository);
  return [...names].map((name) => ({ registry: repository.registry, repository: name }));
}

async function ask(upload: Upload, digest: Digest, from: BlobOrigin): Promise<MountOutcome | undefined> {
  const { client, repository, options } = upload;
  try {
    const answer = await post(upload, digest, from.repository, [
      // The push scope first: some registries look at the first only (go-containerregistry, write.go).
      pushScope(repository.repository),
      pullScope(from.repository),
    ]);
    if (!answer.mounted) client.blobs.declined(from, digest);
    return answer;
  } catch (error) {
    options.signal?.throwIfAborted();
    client.logger.debug('mount failed', { from: from.repository, error: String(error) });
    return undefined;
  }
}

async function mountFromAnywhere(upload: Upload, digest: Digest, rules: UploadRules): Promise<MountOutcome> {
  try {
    const answer = await post(upload, digest, undefined, [pushScope(upload.repository.repository)]);
    const declined = answer.mounted ? 0 : (rules.anonymousDeclined ?? 0) + 1;
    rules.anonymousDeclined = declined;
    if (answer.mounted) rules.anonymousMount = 'yes';
    else if (declined >= MAX_DECLINED && rules.anonymousMount !== 'yes') rules.anonymousMount = 'no';
    return answer;
  } catch (error) {
    upload.options.signal?.throwIfAborted();
    rules.anonymousMount = 'no';
    upload.client.logger.debug('mount from anywhere failed', { error: String(error) });
    return NO;
  }
}

/** Throws what the registry says instead of yes and no. */
async function post(
  upload: Upload,
  digest: Digest,
  from: string | undefined,
  scopes: readonly string[],
): Promise<MountOutcome> {
  const query = new URLSearchParams({ mount: digest, ...(from !== undefined && { from }) });
  const response = await uploadRequest(upload, {
    method: 'POST',
    url: `${uploadsPath(upload)}?${query}`,
    scopes,
    expect: [201, 202],
    retry: false,
  });
  discard(response);
  if (response.status === 202) return { mounted: false, session: sessionOf(response) };
  const says = header(response, 'docker-content-digest');
  const { size } = upload.expected;
  if (says === digest && size !== undefined) return { mounted: true, size };
  // Said yes, and not to what: it is looked for before anybody relies on it.
  const found = says === undefined || says === digest ? await sizeInRepository(upload) : undefined;
  return found === undefined ? NO : { mounted: true, size: found };
}
