import { z } from 'zod';
import { DogwoodError } from '../../errors.ts';
import { isDigest } from '../digest.ts';
import { formatReference, parseReference, withDefaultTag } from '../reference.ts';

const entry = z.looseObject({
  Config: z.string().min(1),
  RepoTags: z.array(z.string()).nullish(),
  // A FROM scratch image without a layer has null here.
  Layers: z.array(z.string().min(1)).nullish(),
});

/** One image of a docker-archive, as its manifest.json has it (Docker Image Specification v1.2). */
export interface DockerArchiveEntry {
  /** Path of the config in the archive. */
  readonly config: string;
  readonly repoTags: readonly string[];
  /** Paths of the layers in the archive, bottom first. */
  readonly layers: readonly string[];
}

/** @throws ARCHIVE_INVALID */
export function parseDockerManifest(bytes: Buffer, where: string): DockerArchiveEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DogwoodError('ARCHIVE_INVALID', `manifest.json in ${where} is not JSON`, { cause });
  }
  const parsed = z.array(entry).min(1).safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new DogwoodError(
      'ARCHIVE_INVALID',
      `manifest.json in ${where}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`,
    );
  }
  return parsed.data.map(({ Config, RepoTags, Layers }) => ({
    config: Config,
    repoTags: RepoTags ?? [],
    layers: Layers ?? [],
  }));
}

/** Do both name the same image, whichever defaults they leave out? */
export function sameName(one: string, other: string): boolean {
  return one === other || (!isDigest(one) && !isDigest(other) && fullName(one) === fullName(other));
}

function fullName(text: string): string {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch {
    // Old tools wrote names that are none today; they are found by their exact text only.
    return text;
  }
}
