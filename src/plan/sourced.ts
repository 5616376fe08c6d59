/** A value and where it came from: `--stack`, `dogwood.toml`, `Procfile`, `slug metadata`, ... */
export interface Sourced<T> {
  readonly value: T;
  readonly from: string;
}
