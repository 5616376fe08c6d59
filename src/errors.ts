/**
 * The one table of what can go wrong. `docs/errors.md` is its printed form; a test keeps the two, and what the
 * sources throw, in step.
 *
 * `user`  the input or the command is at fault; never retried.
 * `infra` a machine, disk or network is at fault; worth retrying where `retryable` says so.
 * `auth`  credentials are missing, wrong or too weak.
 * `bug`   Dogwood is at fault.
 */
export type Fault = 'user' | 'infra' | 'auth' | 'bug';

interface ErrorKind {
  readonly fault: Fault;
  readonly retryable: boolean;
  /** Exit code of the command, as `docs/cli.md` lists them. */
  readonly exitCode: number;
  /** Status of the service's HTTP answer. */
  readonly httpStatus: number;
  /** What a person can do about it; one sentence. A throw site may give a better one. */
  readonly hint: string;
}

const user = (hint: string, httpStatus = 422): ErrorKind => ({
  fault: 'user',
  retryable: false,
  exitCode: 1,
  httpStatus,
  hint,
});
const usage = (hint: string): ErrorKind => ({
  fault: 'user',
  retryable: false,
  exitCode: 2,
  httpStatus: 400,
  hint,
});
const infra = (hint: string, retryable = true): ErrorKind => ({
  fault: 'infra',
  retryable,
  exitCode: 3,
  httpStatus: 503,
  hint,
});
const auth = (hint: string, httpStatus = 401): ErrorKind => ({
  fault: 'auth',
  retryable: false,
  exitCode: 4,
  httpStatus,
  hint,
});

export const ERRORS = {
  // the command line
  USAGE: usage('See `build --help`.'),
  REFERENCE_INVALID: usage('Write it as HOST/REPOSITORY[:TAG|@DIGEST], for example registry.example/app:v1.'),
  TRANSPORT_UNKNOWN: usage(
    'Use local:, oci:, oci-archive:, docker-archive:, docker-daemon: or docker://, as in oci:DIR:TAG.',
  ),
  CONFIG_INVALID: usage('Correct the file; `docs/configuration.md` lists what it may hold.'),

  // what the user handed over
  SOURCE_NOT_FOUND: user('Check the path; a bare word is a path on this machine.', 404),
  SOURCE_UNREADABLE: user('Check that the file can be read.'),
  SOURCE_UNSUPPORTED: user('`docs/detection.md` says what each strategy looks for; --strategy asks for one.'),
  STRATEGY_UNAVAILABLE: user(
    'This version cannot build with that strategy; `build doctor` lists what it can.',
  ),

  // source trees and project files
  PROJECT_FILE_INVALID: user(
    'Correct the file; `docs/configuration.md` lists what dogwood.toml may hold and what is read of others.',
  ),
  GIT_REPOSITORY_NOT_FOUND: user('Check the address; hosts also hide a private repository this way.', 404),
  GIT_REF_NOT_FOUND: user('Name a branch, a tag or a whole commit id behind #, as in #main.', 404),
  GIT_DENIED: auth(
    'Let git read it without asking (credential helper, SSH agent, known_hosts), or write USER:TOKEN@ in front of the host.',
  ),
  GIT_UNREACHABLE: infra('Check the host name, and that the host answers from this machine.'),
  GIT_FAILED: infra('Try the same with `git clone`; what git says there is the whole story.', false),

  // content-addressed bytes
  DIGEST_INVALID: user('A digest is written sha256: and 64 lower-case hexadecimal digits.', 400),
  DIGEST_MISMATCH: user('The bytes are damaged; fetch them again, or build them again with --rebuild.'),
  SIZE_MISMATCH: user('The bytes are damaged; fetch them again, or build them again with --rebuild.'),
  BLOB_NOT_FOUND: user('The image is incomplete at its source; push or copy it again.', 404),
  IMAGE_NOT_FOUND: user('Check the name, tag or digest.', 404),
  IMAGE_AMBIGUOUS: user('Name one of them.'),
  IMAGE_INVALID: user('`build validate` names every violation.'),
  PLATFORM_NOT_FOUND: user('Choose one of the platforms that the image has with --platform.'),
  MANIFEST_INVALID: user('The document is no OCI or Docker manifest, index or config.'),
  LAYOUT_INVALID: user('The folder is no OCI image layout (version 1.0.0).'),
  ARCHIVE_INVALID: user('The file is no docker-archive or oci-archive.'),

  // archives nobody vouches for
  GZIP_INVALID: user('The file is damaged or was cut short; fetch it again.'),
  GZIP_TRAILING_DATA: user('Remove what follows the gzip member, or pack the archive again.'),
  ZSTD_INVALID: user('The file is damaged or was cut short; fetch it again.'),
  TAR_TRUNCATED: user('The archive was cut short; fetch or pack it again.'),
  TAR_HEADER_INVALID: user('Pack the archive again with GNU tar or bsdtar.'),
  TAR_PAX_INVALID: user('Pack the archive again with GNU tar or bsdtar.'),
  TAR_SPARSE: user('Pack the archive again without --sparse.'),
  TAR_PATH_UNSAFE: user('Names must be relative and stay inside the archive.'),
  TAR_LINK_UNSAFE: user('A link must stay inside the archive, and nothing may be written through a link.'),
  TAR_DEVICE: user('Devices, FIFOs and sockets do not belong in an application; leave them out.'),
  TAR_WHITEOUT: user('Names that begin with .wh. delete files in an image; rename the file.'),
  TAR_DUPLICATE: user('Each path may appear once; pack the archive again from a folder.'),
  TAR_TRAILING_DATA: user('Nothing may follow the end of the archive; pack it again.'),
  LIMIT_EXCEEDED: user('If you trust the archive, raise the limit named there with --limit NAME=VALUE.', 413),

  // Heroku slugs
  SLUG_UNRECOGNISED: user('A slug is a gzip tar whose members are under app/.'),
  SLUG_CHECKSUM: user(
    'The slug is not what its owner says it is: it was damaged, or replaced, on its way or where it lies.',
  ),
  SLUG_EMPTY: user('The slug holds no file under app/.'),
  SLUG_NOT_KEEPABLE: user('Use --layer auto or --layer canonical: the slug is then transcoded.'),
  STACK_UNKNOWN: user(
    'Say which stack the slug was built for (--stack heroku-24) or give a base (--base IMAGE).',
  ),
  BASE_UNUSABLE: user(
    'Use an image whose /app is not a link, for example the heroku/heroku:24 of the stack.',
  ),
  PROCESS_INVALID: user('A process type is letters, digits, - and _, with a command that is not empty.'),
  LABEL_RESERVED: user(
    'Labels beginning with that prefix are acted on by container runtimes; choose another.',
  ),

  // Dockerfiles
  DOCKERFILE_INVALID: user('Correct that line; the engine reads the file as the Dockerfile reference says.'),
  DOCKERFILE_STEP_FAILED: user(
    'The lines above are what the step said last; the whole output is in the log.',
  ),
  TARGET_NOT_FOUND: user('Name one of the stages that the Dockerfile has.'),
  FRONTEND_REFUSED: user(
    'Remove the line, use docker/dockerfile:1, or allow that program with --allow remote-frontend.',
  ),
  SECRET_MISSING: user('Give it with --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE.'),
  SECRET_UNREADABLE: user('Check the path, or that the variable is set.'),
  ENGINE_UNSUPPORTED: user('Use another engine with --engine, or leave that out.'),

  // buildpacks
  BUILDPACKS_NOT_DETECTED: user(
    'Check that it is the right folder, or name a builder whose buildpacks know the language (--builder IMAGE).',
  ),
  BUILDPACK_FAILED: user(
    'The lines above are from the buildpack; it is the application that it could not build.',
  ),
  BUILDER_UNUSABLE: user(
    'Name another builder (--builder IMAGE), or a newer version of it; `pack builder suggest` lists some.',
  ),
  LIFECYCLE_FAILED: infra(
    'Look at the Docker Engine and its disk; --rebuild starts without the caches of earlier builds.',
  ),

  // Nix
  NIX_EVALUATION_FAILED: user('Correct the Nix expression; `nix eval` shows the same error.'),
  NIX_BUILD_FAILED: user('The last lines of its log are above; `nix log DERIVATION` shows all of it.'),
  NIX_ATTRIBUTE_NOT_FOUND: user('Choose one with --attr.'),
  NIX_ATTRIBUTE_AMBIGUOUS: user('Say which one with --attr NAME, or `attribute` in dogwood.toml.'),
  NIX_OUTPUT_UNUSABLE: user(
    'Build it with dockerTools.buildImage, buildLayeredImage or streamLayeredImage of nixpkgs.',
  ),
  NIX_INPUT_REFUSED: user(
    "Pin the input at github:, gitlab:, sourcehut: or below the project, or name its address in `allowed-uris` of this machine's nix.conf.",
  ),
  NIX_SHELL_INVALID: user('See docs/nix.md for what a build in a nix-shell needs.'),
  NIX_SHELL_FAILED: user('The last lines of its log are above.'),
  NIX_SANDBOX_UNAVAILABLE: infra(
    'Let this machine make user namespaces (and install bubblewrap), or, if you trust the project, use --allow nix-unsandboxed.',
    false,
  ),
  NIX_PLATFORM_UNAVAILABLE: infra(
    "Give Nix a remote builder of that system (`builders` in nix.conf), or build for this machine's --platform.",
    false,
  ),

  // registries
  REGISTRY_UNREACHABLE: infra('Check the host name and that the registry answers from this machine.'),
  REGISTRY_TLS: infra('If the registry speaks plain HTTP, name it with --insecure-registry HOST.', false),
  REGISTRY_UNAVAILABLE: infra('The registry has trouble; `build push` later sends only what is missing.'),
  REGISTRY_RATE_LIMITED: infra('Wait, or log in: anonymous users have lower limits.'),
  REGISTRY_PROTOCOL: infra(
    'What answered does not speak the OCI distribution API; check host and port.',
    false,
  ),
  REGISTRY_REFUSED: user('The registry refused the content; its message says why.'),
  REGISTRY_UNAUTHORIZED: auth('Log in with `docker login HOST`, or check the credentials.'),
  REGISTRY_DENIED: auth(
    'The credentials are known but may not do this; check the repository and its rights.',
    403,
  ),
  // the network (the outbound guard, proxies)
  OUTBOUND_BLOCKED: user(
    'If that is meant, name the host or network under `allow-outbound` in the config file.',
  ),
  PROXY_REFUSED: infra('Ask whoever runs the proxy, or except the host with NO_PROXY.', false),

  CREDENTIALS_UNREADABLE: auth(
    'Check the file or variable named there, and the credential helper that it names.',
  ),
  // registries: what they keep, and how much
  REGISTRY_FULL: infra(
    'Free space there or raise the quota; if one upload is too large, the proxy in front of the registry may limit it. `build push` later sends only what is missing.',
    false,
  ),
  TAG_IMMUTABLE: user(
    'That tag names another image and the registry lets no tag move; push under a new tag, or delete the old one first.',
    409,
  ),

  // uploads
  CONTENT_LOST: infra(
    'Build or push again; if it happens often, look at when the garbage collection of the registry runs.',
  ),

  // registries: what lies between
  TRANSFER_DAMAGED: infra(
    'The bytes changed on their way: try again, and look at what lies between here and the registry (a proxy?).',
  ),

  // registries: what not all of them can do
  REGISTRY_UNSUPPORTED: user('The registry does not offer this; its own console or API may.', 501),

  // the pull-only registry
  LISTEN_FAILED: infra('Name another address with --listen HOST:PORT; port 0 takes any that is free.', false),

  // Heroku's Platform API
  HEROKU_TOKEN_MISSING: auth(
    'Set HEROKU_API_KEY, log in with `heroku login`, or pipe a token into --token-stdin.',
  ),
  HEROKU_UNAUTHORIZED: auth('The token is wrong or has expired; `heroku auth:token` shows a new one.'),
  HEROKU_FORBIDDEN: auth(
    'The token may not see this: it needs the scope read-protected (or global), and its user access to the app.',
    403,
  ),
  HEROKU_TWO_FACTOR: auth(
    'Make a token that needs no second factor for reading: `heroku authorizations:create`.',
    403,
  ),
  HEROKU_NOT_FOUND: user('Check the name; `heroku apps --all` lists what the account can see.', 404),
  HEROKU_NO_SLUG: user(
    'Apps on the container stack and on Fir have images instead; `build heroku import` takes those.',
  ),
  HEROKU_REGISTRY_UNKNOWN: user(
    "Name the registry of container-stack apps with --heroku-registry: the API that was named is not Heroku's own.",
  ),
  HEROKU_IMAGE_GONE: user(
    'Push and release it at Heroku once more (`heroku container:push`), then import again.',
    404,
  ),
  HEROKU_RATE_LIMITED: infra('The account has used up its calls; some come back every minute.'),
  HEROKU_UNREACHABLE: infra('Check that api.heroku.com, or the host named, answers from this machine.'),
  HEROKU_TLS: infra(
    'Check the host name, and that nothing between here and there replaces certificates.',
    false,
  ),
  HEROKU_UNAVAILABLE: infra('Heroku has trouble (status.heroku.com); run the command again later.'),
  HEROKU_PROTOCOL: infra('What answers there is not the Platform API as it is documented.', false),

  MIGRATION_PLAN_MISSING: user('Make a plan first: `build heroku plan --out DIR --all`.'),
  MIGRATION_PLAN_INVALID: user('Make the plan anew: `build heroku plan --out DIR --all`.'),
  MIGRATION_BUSY: user('Wait for it, or stop it; `build heroku status DIR` tells how far it is.'),
  MIGRATION_FOLDER_UNUSABLE: user('Name a folder that can be written with --out.'),
  REPORT_UNWRITABLE: user('Name a file in a folder that is there and can be written with -o.'),

  // secrets of a rollout, and of an import
  RECIPIENT_INVALID: usage(
    'A recipient is an age public key, as `age-keygen` prints it: age1 and 58 letters (or age1pq1...); never the secret key.',
  ),
  SECRETS_UNDECIDED: usage(
    'Name who may read them with --recipient AGE_KEY, or leave them behind with --no-secrets.',
  ),
  FINGERPRINT_KEY_EXPOSED: user(
    'Others could read the key: set its mode to 0600, or remove it, and all secrets count as changed once.',
  ),
  FINGERPRINT_KEY_DAMAGED: user(
    'Put the file back from a copy, or remove it, and all secrets count as changed once.',
  ),

  // sources behind a URL
  FETCH_FAILED: infra('Check the address, and that its server answers from this machine.'),
  FETCH_DENIED: auth(
    'A presigned address expires after some minutes: get a new one. A password is written https://USER:PASSWORD@HOST/PATH.',
    403,
  ),
  FETCH_NOT_FOUND: user('Check the address: its server has no such file, or has it no more.', 404),

  // the machine
  DISK_FULL: infra('Free some space and run the command again; what was finished is kept.', false),
  STORE_BUSY: infra('Another process holds the store; try again.'),
  STORE_UNWRITABLE: infra('Check the permissions of the folder, or choose another.', false),
  STORE_TOO_NEW: infra('Use that newer version, or another folder as $DOGWOOD_HOME.', false),
  STORE_CORRUPT: infra('Remove the named file; it is fetched or built again.', false),
  IO_FAILED: infra('Look at the disk, its file system and the limits of this machine (open files, for one).'),
  ENGINE_MISSING: infra('`build doctor` says what is missing and how to get it.', false),
  ENGINE_FAILED: infra('The output of the engine above says why.', false),
  TIMEOUT: { fault: 'infra', retryable: true, exitCode: 124, httpStatus: 504, hint: 'Raise --timeout.' },
  CANCELLED: {
    fault: 'user',
    retryable: false,
    exitCode: 130,
    httpStatus: 409,
    hint: 'Nothing half-written was left behind; run it again when you like.',
  },
  INTERNAL: {
    fault: 'bug',
    retryable: false,
    exitCode: 70,
    httpStatus: 500,
    hint: 'Please report this with the log whose path is printed.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface DogwoodErrorOptions {
  /** A better hint than the table's, where the throw site knows one. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Seconds after which a retry makes sense, where the other side said so. */
  readonly retryAfter?: number;
}

/** The only error class that leaves a module. The message names what is wrong and never holds a secret. */
export class DogwoodError extends Error {
  override readonly name = 'DogwoodError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options: DogwoodErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
    this.retryAfter = options.retryAfter;
  }

  get kind(): ErrorKind {
    return ERRORS[this.code];
  }
}

/** True when the input is at fault: such a failure is a result, never retried. */
export function isUserFault(error: unknown): error is DogwoodError {
  return error instanceof DogwoodError && error.kind.fault === 'user';
}

/** What a healthy program on a sick machine meets. */
const FILE_SYSTEM: ReadonlySet<string> = new Set([
  'EIO',
  'EMFILE',
  'ENFILE',
  'ESTALE',
  'ENOMEM',
  'EROFS',
  'ETXTBSY',
]);

/**
 * Any thrown value as a DogwoodError. A full disk and an abort get their own codes wherever they surface;
 * everything unknown is a bug of ours.
 */
export function asDogwoodError(error: unknown): DogwoodError {
  if (error instanceof DogwoodError) return error;
  if (error instanceof Error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      return new DogwoodError('DISK_FULL', `no space left: ${error.message}`, { cause: error });
    }
    if (FILE_SYSTEM.has(code ?? '')) return new DogwoodError('IO_FAILED', error.message, { cause: error });
    if (error.name === 'TimeoutError')
      return new DogwoodError('TIMEOUT', 'the time limit was reached', { cause: error });
    if (error.name === 'AbortError') return new DogwoodError('CANCELLED', 'cancelled', { cause: error });
    return new DogwoodError('INTERNAL', error.message, { cause: error });
  }
  return new DogwoodError('INTERNAL', String(error));
}
