import type { Content } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import type { FileStamp } from '../oci/stores/local-index.ts';
import type { Tree } from './tree.ts';

/** One file of bytes: a slug, a source tarball, an image archive. */
export interface ArchiveSource {
  readonly kind: 'archive';
  /** For messages and for naming the image: the file's name, `standard input`, a URL without its query. */
  readonly name: string;
  /** Where it lies, when it is a file of this machine, and what the file was like before it was read. */
  readonly stamp: FileStamp | undefined;
  /** Bytes, where known beforehand. */
  readonly size: number | undefined;
  /** Always reopenable: standard input is kept aside, a URL is asked again. */
  readonly content: Content;
  /** What its bytes hash to, as somebody says who should know. Bytes that do not are refused. */
  readonly digest?: Digest | undefined;
  /** The first bytes, at most `limit`. */
  head(limit: number): Promise<Uint8Array>;
  /** Removes what was kept aside. */
  dispose(): Promise<void>;
}

/** Where a tree was fetched from, so exactly that the same one can be had again. */
export interface TreeOrigin {
  readonly kind: 'git';
  /** Without credentials. */
  readonly repository: string;
  /** Full id of the commit. */
  readonly commit: string;
  /** As asked for. */
  readonly ref: string | null;
  /** Folder below the root of the repository. */
  readonly folder: string | null;
}

/** A folder: of this machine, or fetched into a private one. */
export interface TreeSource {
  readonly kind: 'tree';
  readonly name: string;
  readonly tree: Tree;
  /** Undefined for folders of this machine, which may change at any time. */
  readonly origin?: TreeOrigin | undefined;
  /** Removes what was fetched. */
  dispose(): Promise<void>;
}

/** An image, named with its transport. */
export interface ImageSource {
  readonly kind: 'image';
  readonly name: string;
  readonly reference: string;
}

/** What the user handed over. */
export type Source = ArchiveSource | TreeSource | ImageSource;
