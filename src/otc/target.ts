/** Owns the shape of who signs in, and where to. How it is done stands in `sign-in.ts`. */
import type { Secret } from '../secret.ts';
import type { AccessKey } from './auth.ts';

export type Credentials =
  | ({ readonly kind: 'access-key' } & AccessKey)
  | { readonly kind: 'password'; readonly username: string; readonly password: Secret; readonly domainName: string }
  | { readonly kind: 'oidc'; readonly identityProvider: string; readonly audience: string };

export interface Target {
  readonly region: string;
  /** Name of the project; default the region's own, for example `eu-de`. */
  readonly project?: string | undefined;
  /** `https://host[:port][/v3]` of IAM where it is not the region's usual one. */
  readonly identityEndpoint?: string | undefined;
  /** Name of the project in which public DNS is managed; default: this one, or the region's own where DNS lives in another region. */
  readonly dnsProject?: string | undefined;
}
