/** Owns the shape of a way into the cluster: credentials, and the bastion to go through. `tools/` knows the same shape. */
import type { Secret } from '../secret.ts';

export interface BastionAccess {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly clientKey: Secret;
  /** Base64 as in a known_hosts line. */
  readonly hostKey: string;
  readonly hostFingerprint: string;
  /** The rules of its group: where they change, it is worth another try. */
  readonly entrance: string;
  /** Until then it may still be booting; milliseconds of `Date.now()`. */
  readonly bootsUntil: number;
}

/** Certificate and key are base64 of PEM, as in a kubeconfig. */
export interface KubeconfigSeen {
  /** `https://address:port` */
  readonly server: string;
  readonly certificateAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly bastion?: BastionAccess | undefined;
}
