/**
 * How to take the handling of each pitfall out of `src`: the test of that pitfall must fail then. `npm run
 * test:pitfalls` does so, in a copy. After a change of the lines named here, name the new ones.
 */
export interface TakenOut {
  /** Number of the pitfall: the beginning of its test file's name. `00` are the facts. */
  readonly pitfall: string;
  /** What a client does then. */
  readonly without: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const exchange = 'src/registry/exchange.ts';
const fallback = 'src/registry/referrers-tag.ts';
const attempts = 'src/registry/upload/attempts.ts';
const mount = 'src/registry/upload/mount.ts';
const session = 'src/registry/upload/session.ts';
const chunked = 'src/registry/upload/chunked.ts';
const pull = 'src/registry/pull.ts';
const retry = 'src/registry/http/retry.ts';
const target = 'src/registry/registry-target.ts';

const MOUNT_FAILS = {
  file: mount,
  find: "client.logger.debug('mount failed', { from: from.repository, error: String(error) });",
  replace: 'throw error;',
};
const NO_NEW_TOKEN = {
  file: attempts,
  find: 'standing.renewed = true;\n    return true;',
  replace: 'return false;',
};

export const TAKEN_OUT: readonly TakenOut[] = [
  {
    pitfall: '00',
    without: 'bodies are inflated (fact 1)',
    file: 'src/net/response-body.ts',
    find: "  response.on('data', (chunk: Buffer) => {",
    replace: `  const { createGunzip } = process.getBuiltinModule('node:zlib');
  const inflated = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response;
  inflated.on('data', (chunk: Buffer) => {`,
  },
  {
    pitfall: '00',
    without: 'of several challenges the first is answered (fact 2)',
    file: 'src/registry/auth/scheme.ts',
    find: '  const bearer = challenges.find(({ scheme, parameters }) =>',
    replace: '  const bearer = challenges.slice(0, 1).find(({ scheme, parameters }) =>',
  },
  {
    pitfall: '00',
    without: 'blobs are sent in chunks (fact 6)',
    file: attempts,
    find: 'if (rules.wholeOnly === true) return false;',
    replace: 'if (rules.wholeOnly === undefined) return true;',
  },
  {
    pitfall: '00',
    without: 'a server may lead anywhere (fact 8)',
    file: 'src/net/judge.ts',
    find: 'if (referrer === undefined || MAY_LEAD_TO[kindOf(referrer)].includes(kind)) return;',
    replace: 'if (referrer !== null) return;',
  },
  {
    pitfall: '00',
    without: 'broken sessions are left behind (fact 9)',
    file: session,
    find: 'let { url } = session;',
    replace: 'let { url } = session;\n  if (url !== undefined) return;',
  },
  {
    pitfall: '00',
    without: 'a digest is believed, not hashed (fact 9)',
    file: pull,
    find: 'const wrong = mismatch(descriptor, digester.size, () => digester.digest(), name);',
    replace: 'const wrong = mismatch(descriptor, digester.size, () => descriptor.digest, name);',
  },
  {
    pitfall: '00',
    without: 'Retry-After is overlooked (fact 9)',
    file: retry,
    find: 'if (header === undefined) return undefined;',
    replace: 'return undefined;',
  },
  {
    pitfall: '00',
    without: 'Retry-After is read as a number only (fact 9)',
    file: retry,
    find: 'const date = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;',
    replace: 'const date = Number.NaN;',
  },
  { pitfall: '01', without: 'a mount that fails is a failure', ...MOUNT_FAILS },
  {
    pitfall: '02',
    without: 'the token of a mount is for its target only',
    file: mount,
    find: '      pullScope(from.repository),\n',
    replace: '',
  },
  { pitfall: '02', without: 'who may not pull the source cannot push', ...MOUNT_FAILS },
  {
    pitfall: '03',
    without: 'several scopes are asked for as they were',
    file: 'src/registry/auth/login.ts',
    find: "joined: 'first',",
    replace: 'joined: undefined,',
  },
  {
    pitfall: '03',
    without: 'one scope alone is never tried',
    file: 'src/registry/auth/login.ts',
    find: "joined: 'first',",
    replace: 'joined: undefined,',
  },
  {
    pitfall: '03',
    without: 'the scope of the source comes first',
    file: mount,
    find: '      pushScope(repository.repository),\n      pullScope(from.repository),\n',
    replace: '      pullScope(from.repository),\n      pushScope(repository.repository),\n',
  },
  {
    pitfall: '04',
    without: '201 is no answer to a PATCH',
    file: 'src/registry/upload/send.ts',
    find: 'const TAKEN = [202, 201, 200, 204];',
    replace: 'const TAKEN = [202];',
  },
  {
    pitfall: '04',
    without: 'chunks that lead nowhere are sent for ever',
    file: 'src/registry/upload/chunked.ts',
    find: 'rules.wholeOnly = true;',
    replace: '',
  },
  {
    pitfall: '04',
    without: 'a Range that stands still is believed for ever',
    file: chunked,
    find: 'const MAX_STALLED = 3;',
    replace: 'const MAX_STALLED = 3_000_000;',
  },
  {
    pitfall: '04',
    without: 'chunks that lead nowhere are tried again',
    file: chunked,
    find: 'rules.wholeOnly = true;',
    replace: '',
  },
  {
    pitfall: '05',
    without: '202 is taken for a mount',
    file: mount,
    find: 'if (response.status === 202) return { mounted: false, session: sessionOf(response) };',
    replace: 'if (response.status === 202) return { mounted: true, size: upload.expected.size ?? 0 };',
  },
  {
    pitfall: '05',
    without: 'the session that a 202 opened is overlooked',
    file: mount,
    find: 'if (response.status === 202) return { mounted: false, session: sessionOf(response) };',
    replace: 'if (response.status === 202) return NO;',
  },
  {
    pitfall: '06',
    without: 'a refused chunk is not made smaller',
    file: 'src/registry/upload/rules.ts',
    find: 'rules.maxChunk = Math.min(smaller, rules.maxChunk ?? smaller);',
    replace: '',
  },
  {
    pitfall: '06',
    without: 'a stream says which bytes it is',
    file: 'src/registry/upload/send.ts',
    find: '    url: session.url,\n    headers: OCTETS,',
    replace: "    url: session.url,\n    headers: { ...OCTETS, 'content-range': '0-' + (2 ** 40) },",
  },
  {
    pitfall: '07',
    without: 'a chunk states unit and total',
    file: chunked,
    find: "{ 'content-range': `${received}-${end - 1}` }",
    replace: "{ 'content-range': `bytes ${received}-${end - 1}/*` }",
  },
  {
    pitfall: '08',
    without: 'the query of a Location is written anew',
    file: session,
    find: "url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;",
    replace: "url.searchParams.set('digest', digest);",
  },
  {
    pitfall: '08',
    without: 'the query of a Location is dropped',
    file: session,
    find: "url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;",
    replace: 'url.search = `?digest=${digest}`;',
  },
  {
    pitfall: '09',
    without: 'https leads to http',
    file: 'src/net/redirect.ts',
    find: "if (from.protocol === 'https:' && target.protocol === 'http:') {",
    replace: "if (from.protocol === 'gopher:') {",
  },
  {
    pitfall: '09',
    without: 'a host is compared as it is written',
    file: exchange,
    find: 'url.origin === base.origin ? await',
    replace: 'url.host === request.registry ? await',
  },
  {
    pitfall: '10',
    without: 'every host gets the proof',
    file: exchange,
    find: 'url.origin === base.origin ? await',
    replace: "url.origin !== '' ? await",
  },
  {
    pitfall: '11',
    without: 'a registry without a list of referrers gets none',
    file: 'src/registry/referrers.ts',
    find: 'await changeFallback(client, repository, subject, { add: entry, scopes, signal });',
    replace: 'void entry;',
  },
  {
    pitfall: '11',
    without: 'a list is written over what another wrote meanwhile',
    file: fallback,
    find: "...(current?.etag === undefined ? {} : { 'if-match': current.etag }),",
    replace: '',
  },
  {
    pitfall: '11',
    without: 'it is not looked whether what was written is there',
    file: fallback,
    find: '    await write(client, repository, fallbackTag(subject), current, change);',
    replace: '    return await write(client, repository, fallbackTag(subject), current, change);',
  },
  {
    pitfall: '11',
    without: 'changes of one process do not wait for each other',
    file: fallback,
    find: 'client.fallbacks.get(key) ?? Promise.resolve()',
    replace: 'Promise.resolve()',
  },
  {
    pitfall: '11',
    without: 'whatever the tag names is a list',
    file: fallback,
    find: 'if (digest === subject) return undefined;',
    replace: '',
  },
  {
    pitfall: '11',
    without: 'a web page that says 429 is the registry',
    file: 'src/registry/referrers.ts',
    find: 'page.response.url.host === registryHost(registry)',
    replace: "page.response.url.host !== ''",
  },
  {
    pitfall: '12',
    without: 'more is asked for than some give',
    file: 'src/registry/tags.ts',
    find: 'const PAGE_SIZE = 1000;',
    replace: 'const PAGE_SIZE = 2000;',
  },
  {
    pitfall: '12',
    without: 'the address of the next page is written by hand',
    file: 'src/registry/pages.ts',
    find: '    url = next;',
    replace: `    const { tags = [] } = JSON.parse(page.bytes.toString('utf8')) as { tags?: string[] };
    url = new URL(\`\${next.pathname}?n=1000&last=\${tags.at(-1)}\`, next);`,
  },
  {
    pitfall: '10',
    without: 'a signed address that refuses HEAD is a refusal',
    file: pull,
    find: 'return status === 400 || status === 403 || status === 405;',
    replace: 'return false;',
  },
  {
    pitfall: '13',
    without: 'a new token that is refused is not shown again',
    file: 'src/registry/auth/login.ts',
    find: 'if (!insufficient && !waited && again) {',
    replace: 'if (!insufficient && waited && again) {',
  },
  {
    pitfall: '13',
    without: 'a token that states no life lives for ever',
    file: 'src/registry/auth/token.ts',
    find: 'const MIN_LIFE_MS = 60_000;',
    replace: 'const MIN_LIFE_MS = 60_000_000;',
  },
  {
    pitfall: '14',
    without: 'what a registry says of its limit is overlooked',
    file: 'src/registry/http/warnings.ts',
    find: 'const near = left === undefined ?',
    replace: 'const near = left !== null ?',
  },
  {
    pitfall: '14',
    without: 'a manifest that HEAD describes is fetched',
    file: pull,
    find: 'const found = described(head);',
    replace: 'const found = undefined;',
  },
  {
    pitfall: '15',
    without: 'what a registry misses is not sent again',
    file: 'src/oci/copy.ts',
    find: 'if (missing === undefined) throw error;',
    replace: 'if (missing !== null) throw error;',
  },
  {
    pitfall: '15',
    without: 'only what is named is sent again',
    file: 'src/oci/copy.ts',
    find: '(named.length > 0 ? named : children)',
    replace: 'named',
  },
  {
    pitfall: '15',
    without: 'what a registry said once it has is believed',
    file: 'src/registry/upload/upload.ts',
    find: 'if (options.again === true) {',
    replace: "if (options.tag === 'no blob has one') {",
  },
  {
    pitfall: '16',
    without: 'an error of the second is believed',
    file: attempts,
    find: 'if (size === undefined) return undefined;',
    replace: 'if (size !== null) return undefined;',
  },
  {
    pitfall: '16',
    without: 'a blob is sent as often as it is asked for',
    file: target,
    find: 'client.uploads.set(key, own);',
    replace: '',
  },
  {
    pitfall: '16',
    without: 'uploads to two registries are taken for one',
    file: target,
    find: 'const key = `${registryHost(repository.registry)}/${repository.repository}@${digest}`;',
    replace: 'const key = `${repository.repository}@${digest}`;',
  },
  {
    pitfall: '17',
    without: 'a slow source is read through each time',
    file: 'src/pipeline/session/session.ts',
    find: 'return steady.target;',
    replace: 'return target;',
  },
  {
    pitfall: '18',
    without: 'only OCI types are asked for',
    file: pull,
    find: '  MEDIA_TYPES.dockerManifestList,\n  MEDIA_TYPES.dockerManifest,\n',
    replace: '',
  },
  {
    pitfall: '18',
    without: 'every manifest is sent as an OCI one',
    file: 'src/registry/manifests.ts',
    find: "headers: { 'content-type': descriptor.mediaType },",
    replace: "headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },",
  },
  {
    pitfall: '19',
    without: 'every image of an index gets the tag',
    file: 'src/oci/copy.ts',
    find: 'const tag = descriptor === root ? rootTag : undefined;',
    replace: 'const tag = rootTag;',
  },
  {
    pitfall: '19',
    without: 'a tag that is refused is not looked at',
    file: 'src/registry/manifests.ts',
    find: 'if (current?.digest !== document.descriptor.digest) throw error;',
    replace: 'throw error;',
  },
  {
    pitfall: '19',
    without: 'a tag is put though it is right',
    file: target,
    find: 'if (current?.digest === descriptor.digest) return;',
    replace: '',
  },
  { pitfall: '20', without: 'a body is sent once', ...NO_NEW_TOKEN },
  {
    pitfall: '20',
    without: 'what can be read once is sent twice',
    file: attempts,
    find: '(body.opened && !upload.content.reopenable)',
    replace: 'body === null',
  },
  { pitfall: '21', without: 'a token must outlive its layer', ...NO_NEW_TOKEN },
  {
    pitfall: '22',
    without: 'cookies are kept',
    file: exchange,
    find: 'const answer = await context.http.request({',
    replace: `const answer = await (async (one: Parameters<HttpClient['request']>[0]) => {
      const kept = globalThis as { cookie?: string };
      const cookie = kept.cookie === undefined ? {} : { cookie: kept.cookie };
      const got = await context.http.request({ ...one, headers: { ...one.headers, ...cookie } });
      Object.assign(kept, { cookie: got.headers['set-cookie']?.[0] ?? kept.cookie });
      return got;
    })({`,
  },
];
