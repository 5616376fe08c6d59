import type { ImagesDocument, RemovedDocument, TagsDocument } from '../../pipeline/images.ts';
import type { ServedDocument } from '../../pipeline/serve-images.ts';
import { formatBytes } from '../../plan/format-bytes.ts';
import { escapeControl } from './escape.ts';
import { formatTable } from './format.ts';

export function imagesText({ images }: ImagesDocument): string {
  if (images.length === 0) return 'The local store holds no image.\n';
  const rows = images.map(({ name, digest, size, updatedAt }) => [
    escapeControl(name ?? '(no name)'),
    digest,
    size === null ? 'incomplete' : formatBytes(size),
    updatedAt === null ? '' : updatedAt.slice(0, 16).replace('T', ' '),
  ]);
  return `${formatTable([['NAME', 'DIGEST', 'SIZE', 'NAMED (UTC)'], ...rows], [2]).join('\n')}\n`;
}

export function tagsText({ repository, tags }: TagsDocument): string {
  if (tags.length === 0) return `${escapeControl(repository)} has no tag.\n`;
  return tags.map((tag) => `${escapeControl(tag)}\n`).join('');
}

export function removedText({ removed }: RemovedDocument): string {
  return removed.map((name) => `Removed  ${escapeControl(name)}\n`).join('');
}

export function servedText(
  { url, host, tokens, references }: ServedDocument,
  log: string | undefined,
): string {
  const [first = `${host}/NAME:TAG`] = references;
  const example = escapeControl(first);
  const flag = url.startsWith('https:') ? '' : '--tls-verify=false ';
  return [
    `Serving the local store for pulls at ${url}`,
    '',
    ...(tokens ? [`Log in with  docker login --username token ${host}  (its password is a token)`] : []),
    `Pull with    docker pull ${example}`,
    `or           podman pull ${flag}${example}`,
    ...(log === undefined ? [] : [`Log          ${escapeControl(log)}`]),
    '',
  ].join('\n');
}
