import { lifecycleFailure } from '../../engines/pack/codes.ts';
import type { PackBuildResult } from '../../engines/pack/pack.ts';
import { DogwoodError, type ErrorCode } from '../../errors.ts';

type Failed = Extract<PackBuildResult, { status: 'failed' }>;

const CODES = {
  'not-detected': 'BUILDPACKS_NOT_DETECTED',
  buildpack: 'BUILDPACK_FAILED',
  lifecycle: 'LIFECYCLE_FAILED',
  builder: 'BUILDER_UNUSABLE',
  memory: 'LIFECYCLE_FAILED',
} as const;

/** What pack says when it does not come to run the lifecycle; the first that fits. */
const BEFORE: readonly (readonly [RegExp, ErrorCode, string?])[] = [
  [/no space left on device/, 'DISK_FULL'],
  [/unauthorized|authentication required|no basic auth credentials|denied: /i, 'REGISTRY_UNAUTHORIZED'],
  [
    /no such host|dial tcp|i\/o timeout|TLS handshake|connection refused|network is unreachable/i,
    'REGISTRY_UNREACHABLE',
    'The image is not in the Docker Engine, and its registry cannot be reached.',
  ],
  [/Cannot connect to the Docker daemon|error during connect/, 'ENGINE_MISSING'],
  [
    /fetching lifecycle image/,
    'BUILDER_UNUSABLE',
    'An untrusted builder needs the lifecycle image of its version; --allow trust-builder does without.',
  ],
  [
    /failed to fetch builder image|invalid builder|is incompatible with this version|platform API|image extensions/,
    'BUILDER_UNUSABLE',
  ],
  [/invalid run-image/, 'BUILDER_UNUSABLE', 'Name a run image that can be pulled with --base IMAGE.'],
  [
    /buildpack|project\.toml|project descriptor|toml/,
    'BUILDER_UNUSABLE',
    'Check the buildpacks that the project names in project.toml or dogwood.toml.',
  ],
];

/** How the lifecycle, pushing by itself, repeats what a registry said, or why none did. */
const REGISTRY: readonly (readonly [RegExp, ErrorCode])[] = [
  [/\bDENIED\b|403 Forbidden/i, 'REGISTRY_DENIED'],
  [/\bUNAUTHORIZED\b|authentication required/i, 'REGISTRY_UNAUTHORIZED'],
  [/TOOMANYREQUESTS|429 Too Many/i, 'REGISTRY_RATE_LIMITED'],
  [/x509:|tls: |HTTP response to HTTPS client/, 'REGISTRY_TLS'],
  [
    /no such host|dial tcp|i\/o timeout|TLS handshake|connection (?:refused|reset)|\bEOF\b|network is unreachable/i,
    'REGISTRY_UNREACHABLE',
  ],
];

/**
 * A failed pack build as the error that leaves the builder, with the last lines of the phase that failed.
 *
 * @param published the lifecycle pushed by itself: what its registry refuses is the registry's
 */
export function buildFailure(
  failed: Failed,
  redact: (line: string) => string,
  published: boolean,
): DogwoodError {
  const lines = failed.lastLines.map((line) => redact(line).replace(/^ERROR: /, ''));
  if (failed.code === undefined) return failureBefore(lines);
  const { fault, phase, meaning } = lifecycleFailure(failed.code);
  const own = lines.filter((line) => !/executing lifecycle: failed with status code/.test(line));
  const where = phase ?? failed.phase ?? 'lifecycle';
  const refused =
    published && fault === 'lifecycle'
      ? REGISTRY.find(([pattern]) => own.some((line) => pattern.test(line)))?.[1]
      : undefined;
  return new DogwoodError(refused ?? CODES[fault], [`${where}: ${meaning}`, ...own].join('\n'), {
    ...(fault === 'memory' ? { hint: 'Give Docker more memory, or let the build use less.' } : {}),
  });
}

function failureBefore(lines: readonly string[]): DogwoodError {
  const text = (lines.at(-1) ?? 'it says nothing').replace(/^failed to build: /, '');
  const [, code, hint] = BEFORE.find(([pattern]) => pattern.test(text)) ?? [null, 'ENGINE_FAILED' as const];
  return new DogwoodError(code, `pack: ${text}`, hint === undefined ? {} : { hint });
}
