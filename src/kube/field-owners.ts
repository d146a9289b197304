/** Owns reading the API server's record of who set which fields of an object (`managedFields`; Kubernetes concepts, "Server-Side Apply"). */
export interface FieldOwner {
  readonly manager?: string;
  /** When it last changed one of its fields. */
  readonly time?: string;
  /** `scale` or `status` where it wrote by that. */
  readonly subresource?: string;
  /** FieldsV1: `f:<name>` is a field, whose own fields stand in it. */
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

export function fieldOwners(object: object): readonly FieldOwner[] {
  const { metadata } = object as { readonly metadata?: { readonly managedFields?: readonly FieldOwner[] } };
  return metadata?.managedFields ?? [];
}
