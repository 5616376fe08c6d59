import { basename, resolve } from 'node:path';
import { isImageSource } from '../../source/open-source.ts';
import { parseImageName } from './image-name.ts';

/**
 * What an app is called after its source, as a part of an image's name: `app.tgz` is `app`, and so are `oci:app:v1`
 * and standard input; `.` is called like the folder, and `heroku:app` like the app.
 */
export function appName(source: string): string {
  return cleaned(nameOf(source));
}

/** The same of an image as commands on images take it, where a bare word is a name of the local store. */
export function imageAppName(image: string): string {
  return cleaned(nameOf(isImageSource(image) ? image : `local:${image}`));
}

function cleaned(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/\.(?:tar|tgz|tar\.gz|tar\.zst|slug|git)$/, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '')
    // distribution-spec, <name>: of separators only some may follow one another
    .replace(/[._-]{2,}/g, (run) => (/^(?:__|-+)$/.test(run) ? run : '-'));
  return name === '' ? 'app' : name;
}

/** The part of a source that is a name: no transport, tag, digest or query. */
function nameOf(source: string): string {
  if (source === '-') return '';
  if (isImageSource(source)) {
    const image = parseImageName(source, 'registry');
    if (image.transport === 'registry') return lastPart(image.reference.repository);
    return lastPart('path' in image ? image.path : image.name.replace(/(?::[^/]*|@.*)$/, ''));
  }
  if (source.startsWith('heroku:')) return source.slice('heroku:'.length);
  if (/^https?:\/\//.test(source))
    return lastPart(source.replace(/^https?:\/\/[^/]*/, '').replace(/[?#].*$/, ''));
  const path = source.replace(/[?#].*$/, '');
  return /(?:^|\/)\.{1,2}\/?$/.test(path) ? basename(resolve(path)) : lastPart(path);
}

function lastPart(path: string): string {
  return path.split('/').findLast((part) => part !== '' && part !== '.') ?? '';
}
