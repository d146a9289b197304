/** Owns the shape of resources that others only wait for: checks that pass or fail and hand nothing on. */
import type { Maybe, Resource } from '../engine/resource.ts';

// biome-ignore lint/suspicious/noExplicitAny: whoever waits for a check does not use what it saw
export type Gate = Resource<any, any, unknown>;

export type Checks = { readonly preflight: Gate; readonly agency: Maybe<Gate> };

/** What everything that costs money or a quota waits for, so that a deployment which cannot succeed makes nothing. */
export type Gates = Checks & { readonly lock: Maybe<Gate> };
