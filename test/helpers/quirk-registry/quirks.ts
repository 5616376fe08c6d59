/** What a registry may do wrong: each switch does what the registry named beside it was seen to do. */
export interface Quirks extends PitfallQuirks, OtherQuirks {}

/** By the numbers of the pitfalls in README.md. */
export interface PitfallQuirks {
  /**
   * A mount whose source is not there is refused instead of declined with 202: with 401 by Harbor (harbor#17097),
   * with 400 by others (go-containerregistry#1404, #1679).
   */
  readonly p01?: 'unauthorized' | 'bad-request' | 'denied' | 'not-found';
  /**
   * `needs-pull`: a mount wants `pull` on its source in the same token (rust-oci-client#235, moby#20387).
   * `refuses-token`: the token server gives no token at all when one scope of several is not allowed (buildkit#2454).
   */
  readonly p02?: 'needs-pull' | 'refuses-token';
  /**
   * Of repeated `scope=` parameters GitLab's token server honoured the last only (manifest-tool#53; `last-scope`).
   * `last-only` and `first-scope`: whatever the form, it gives one scope, the last or the first.
   */
  readonly p03?: 'last-scope' | 'last-only' | 'first-scope';
  /**
   * ECR answers PATCH with 201 and a Range that stands still after the first chunk, and knows no GET of a session
   * (containers-roadmap#2831, sdk#33019). `stale-range` keeps the bytes, as was found out in the end; `discards` does
   * not, as it was told first.
   */
  readonly p04?: 'stale-range' | 'discards';
  /** ECR mounts only what a manifest of the source names (containers-roadmap#2860), ECR Public nothing (#1459). */
  readonly p05?: 'unreferenced' | 'never';
  /** GHCR takes no ranged PATCH above 4 MiB (rust-oci-client#35, ocx#237); bytes, or `true` for the 4 MiB. */
  readonly p06?: true | number;
  /** ACR wants `Content-Range: 0-1`, without unit and total (sdk-container-builds#258). */
  readonly p07?: true;
  /** Distribution wants the query of its Location back to the letter, and only that of the last (oras-dotnet#132, distribution#2867). */
  readonly p08?: true;
  /**
   * A registry behind a TLS proxy writes its Location as it sees itself: `http`, `http-port-80`, `http-no-port` (of the
   * same host), `http-other-host` (distribution#970, #2225); `port-dropped` leaves `:443` out (oras-go#177).
   */
  readonly p09?: 'http' | 'http-port-80' | 'http-no-port' | 'http-other-host' | 'port-dropped';
  /**
   * Blobs come from a storage host by a signed address, which refuses a second proof (opa#6580, moby#33707);
   * `head-403`: and HEAD, for it was signed for GET (moby#50065).
   */
  readonly p10?: 'presigned' | 'head-403';
  /**
   * `no-api`: no referrers endpoint (distribution 3). `lost-update`: another writer changes the fallback tag between
   * our GET and PUT (go-containerregistry#2205). `gitlab-tag`: the tag `sha256-<hex>` is the image itself
   * (oras-go#1396). `redirect`: the endpoint leads to a web page that says 429 (artifacthub/hub#4785).
   */
  readonly p11?: 'no-api' | 'lost-update' | 'gitlab-tag' | 'redirect';
  /**
   * `n-limit`: more than 1000 is refused (ECR, go-containerregistry#681). `opaque-cursor`: Link carries a cursor, and
   * `last` is refused with 405 (ECR Public, drydock#927). `ignores-last`: `last` is overlooked, Link carries a cursor
   * (Quay, regclient#272).
   */
  readonly p12?: 'n-limit' | 'opaque-cursor' | 'ignores-last';
  /**
   * `not-before`: the registry's clock is a second late, and a token is not valid before it was issued
   * (docker/hub-feedback#647). `no-life`: tokens state no life, and live 60 s (distribution#979).
   */
  readonly p13?: 'not-before' | 'no-life';
  /** HEAD counts as GET does; so many requests of manifests, then 429 (docker/hub-feedback#2023, regclient#711). */
  readonly p14?: { readonly limit: number };
  /**
   * Blobs that were seen by HEAD are gone when the manifest comes, once (korifi#2381, quay#6318). `named` says which;
   * `unnamed` does not; `blob-unknown` says BLOB_UNKNOWN.
   */
  readonly p15?: 'named' | 'unnamed' | 'blob-unknown';
  /** Who brings a blob that another brought meanwhile gets an error (nexus-public#967, containerd#2706, distribution#2077). */
  readonly p16?: 'bad-request' | 'server-error' | 'size';
  /** A body that stands still for so many milliseconds loses its connection (skopeo#1627, containers/image#1083). */
  readonly p17?: { readonly idle: number };
  /**
   * `accept`: a manifest whose type is not in Accept is not found (GHCR, Docker Hub, apko#138). `media-type`: a manifest
   * that does not state its type, or another than Content-Type does, is refused (image-spec#1150).
   */
  readonly p18?: 'accept' | 'media-type';
  /** Tags do not move (buildx#663); with `strict` not even to where they are (ECR, buildkit#3776, containers-roadmap#2380). */
  readonly p19?: 'strict' | 'other-digest';
  /** The first upload is answered with 401 before its body is read (undici#4936, #3288). */
  readonly p20?: true;
  /** The token ends when so many bytes of a blob came in; the upload is answered with 401 (mise#11132). Once. */
  readonly p21?: { readonly atByte: number };
  /** Harbor sets a cookie, and refuses writes that bring it along (sdk#33019). */
  readonly p22?: true;
}

/** Which answers a fault is for. */
export type Place = 'ping' | 'token' | 'blob' | 'manifest' | 'upload' | 'tags' | 'referrers';

export interface OtherQuirks {
  /** Blobs end after so many bytes: `fin` closes, `rst` resets. From the start of what was asked for. Default: once. */
  readonly cut?: { readonly at: number; readonly how: 'fin' | 'rst'; readonly times?: number };
  /** A proxy in front takes no larger body (nginx: `client_max_body_size`), and says so with a web page. Bytes. */
  readonly maxBody?: number;
  /** Blobs stand still once, after so many bytes, for so many milliseconds each time they are asked for. */
  readonly slowBlob?: { readonly at: number; readonly milliseconds: number };
  /** What was asked for is done, and the connection cut before the answer. Of writes only. */
  readonly lostAnswer?: { readonly on: Place; readonly times: number };
  /** Uploads are reset after so many bytes of a body. Default: once. `keep`: what came in stays in the session. */
  readonly cutUpload?: { readonly at: number; readonly times?: number; readonly keep?: boolean };
  /** Blobs bear `Content-Encoding: gzip`, though their bytes are what they are (moby#17595). */
  readonly contentEncoding?: true;
  /** Blobs come with other bytes of the same length. */
  readonly corrupt?: true;
  /** Errors are web pages. */
  readonly htmlErrors?: true;
  /** Everything is a web page with status 200: a portal before the network, or a host that is no registry. */
  readonly webPage?: true;
  /** So many requests of a kind are put off, as RFC 9110 section 10.2.3 allows it to be said. */
  readonly putOff?: {
    readonly on: Place;
    readonly status: 429 | 503;
    readonly times: number;
    /** Seconds; a `date` is written from the registry's clock. */
    readonly after?: number;
    readonly form?: 'seconds' | 'date';
  };
  /** Upload sessions lie on the storage host, signed; it answers 400 to who shows an Authorization. */
  readonly crossHostUpload?: true;
  /** An answer that never ends: its headers or body byte by byte, or without an end at full speed. */
  readonly neverEnds?: {
    readonly on: Place;
    readonly how: 'headers' | 'drip' | 'endless-headers' | 'endless-body';
  };
  /** How a login is asked for: all in one line, in several, or behind a scheme we do not speak. */
  readonly challenges?: 'joined' | 'separate' | 'unknown-first';
  /** Chunks below this are refused but for the last (`OCI-Chunk-Min-Length`). */
  readonly chunkMinLength?: number;
  /** Repositories must be made by hand before anything is pushed to them (ECR). */
  readonly noCreate?: true;
  /** Bytes that a repository may hold; Harbor's answer beyond (harbor#17390). */
  readonly quota?: number;
  /** `mount=` without `from=` is taken (distribution-spec 1.1, "Mounting a blob from another repository"). */
  readonly anonymousMount?: true;
  /** A `Warning: 299` with each answer (distribution-spec 1.1, "Warnings"). */
  readonly warning?: string;
  /** Answers do not name the digest. */
  readonly noDigestHeader?: true;
  /** Nothing can be deleted, not even a session. */
  readonly noDelete?: true;
  /** How Location is written. Default: an absolute path. */
  readonly location?: 'absolute' | 'relative';
}
