/** Owns the shape of resources that others only wait for: checks that pass or fail and hand nothing on. */
import type { Resource } from '../engine/resource.ts';

// biome-ignore lint/suspicious/noExplicitAny: whoever waits for a check does not use what it saw
export type Gate = Resource<any, any, unknown>;
