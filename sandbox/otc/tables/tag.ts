/** Owns the shape of a tag, the same in every service. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}
