/** What can be wrong with an image. */
export type ViolationCode =
  // any blob
  | 'BLOB_MISSING'
  | 'SIZE_WRONG'
  | 'DIGEST_WRONG'
  | 'DATA_WRONG'
  // documents
  | 'DOCUMENT_INVALID'
  | 'NESTED_TOO_DEEP'
  | 'MEDIA_TYPE_WRONG'
  | 'MEDIA_TYPE_UNKNOWN'
  | 'MEDIA_TYPES_MIXED'
  | 'INDEX_DUPLICATE'
  | 'PLATFORM_MISMATCH'
  | 'LAYER_COUNT'
  | 'HISTORY_COUNT'
  // config
  | 'CONFIG_PLATFORM'
  | 'CONFIG_CREATED'
  | 'CONFIG_ENV'
  | 'CONFIG_WORKDIR'
  | 'CONFIG_PORT'
  | 'CONFIG_VOLUME'
  | 'CONFIG_STOP_SIGNAL'
  // layers
  | 'LAYER_NOT_INCLUDED'
  | 'COMPRESSION_WRONG'
  | 'LAYER_UNREADABLE'
  | 'DIFF_ID_WRONG'
  | 'LAYER_DUPLICATE'
  | 'LAYER_WHITEOUT';

/** One broken invariant of image-spec. */
export interface Violation {
  readonly code: ViolationCode;
  /** The part that is wrong: `layer 2 of sha256:...`. */
  readonly where: string;
  /** What is wrong with it, and what would be right. */
  readonly message: string;
}
