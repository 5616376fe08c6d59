import { DogwoodError } from '../../errors.ts';
import { redactUrl } from '../../net/redact-url.ts';
import { parseReference, type Reference } from '../../oci/reference.ts';

/** An image or a place for one, as users of skopeo write it (cli.md, IMAGE and TO). */
export type ImageName =
  | { readonly transport: 'registry'; readonly reference: Reference }
  | { readonly transport: 'local'; readonly name: string }
  | {
      readonly transport: 'oci' | 'oci-archive' | 'docker-archive';
      readonly path: string;
      readonly name: string | undefined;
    }
  | { readonly transport: 'docker-daemon'; readonly name: string };

/** What a bare word means: a registry for `-t`, `push` and `--base`, the local store for commands on an image. */
export type BareMeans = 'registry' | 'local';

const FILE_TRANSPORTS = ['oci', 'oci-archive', 'docker-archive'] as const;

/** Throws TRANSPORT_UNKNOWN, REFERENCE_INVALID. */
export function parseImageName(text: string, bare: BareMeans): ImageName {
  if (text.startsWith('docker://')) return registry(text.slice('docker://'.length));
  const colon = text.indexOf(':');
  const [scheme, rest] = colon < 0 ? ['', text] : [text.slice(0, colon), text.slice(colon + 1)];
  if (scheme === 'local') return local(rest, text);
  if (scheme === 'docker-daemon') return { transport: 'docker-daemon', name: required(rest, text) };
  const transport = FILE_TRANSPORTS.find((candidate) => candidate === scheme);
  if (transport !== undefined) return file(transport, rest, text);
  if (/^[a-z-]+:\/\//.test(text)) {
    throw new DogwoodError('TRANSPORT_UNKNOWN', `${redactUrl(text).slice(0, 160)} has an unknown transport`);
  }
  return bare === 'registry' ? registry(text) : local(text, text);
}

function required(rest: string, text: string): string {
  if (rest !== '') return rest;
  throw new DogwoodError('REFERENCE_INVALID', `${JSON.stringify(text)} names no image`, {
    hint: 'Write what the transport asks for behind its colon, as in oci:DIR[:TAG] or docker-archive:FILE.',
  });
}

function registry(text: string): ImageName {
  return { transport: 'registry', reference: parseReference(text) };
}

const LOCAL_NAME =
  /^[A-Za-z0-9][A-Za-z0-9._/-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|@sha256:[a-f0-9]{64})?$/;

/** A name of the local store always has a tag. */
function local(rest: string, text: string): ImageName {
  if (/^sha256:[a-f0-9]{64}$/.test(rest)) return { transport: 'local', name: rest };
  if (!LOCAL_NAME.test(rest)) {
    throw new DogwoodError(
      'REFERENCE_INVALID',
      `${JSON.stringify(text.slice(0, 160))} is no name of the local store`,
      {
        hint: 'Write local:NAME[:TAG]; an image elsewhere needs its transport, as in oci:DIR or docker://HOST/REPOSITORY.',
      },
    );
  }
  const at = rest.indexOf('@');
  if (at >= 0) return { transport: 'local', name: rest.slice(at + 1) };
  return { transport: 'local', name: rest.includes(':') ? rest : `${rest}:latest` };
}

function file(transport: (typeof FILE_TRANSPORTS)[number], rest: string, text: string): ImageName {
  const colon = rest.indexOf(':');
  const [path, name] = colon < 0 ? [rest, undefined] : [rest.slice(0, colon), rest.slice(colon + 1)];
  required(path, text);
  return { transport, path, name: name === undefined ? undefined : required(name, text) };
}
