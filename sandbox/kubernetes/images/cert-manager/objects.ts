/** Owns the shapes of cert-manager's objects (API v1) that the stand-in reads and writes, and how their conditions are set. */
import type { KubeObject } from '../../objects.ts';

/** Of the annotations by which cert-manager knows what it made. */
export const annotationPrefix = 'cert-manager.io/';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

export interface IssuerRef {
  readonly name: string;
  readonly kind?: string;
  readonly group?: string;
}

export interface Solver {
  readonly selector?: { readonly dnsZones?: readonly string[]; readonly dnsNames?: readonly string[] };
  readonly dns01?: { readonly webhook?: { readonly groupName: string; readonly solverName: string; readonly config?: unknown } };
  readonly http01?: unknown;
}

export interface Issuer extends KubeObject {
  readonly spec: {
    readonly acme?: {
      readonly server: string;
      readonly email?: string;
      readonly privateKeySecretRef: { readonly name: string; readonly key?: string };
      readonly solvers?: readonly Solver[];
    };
    readonly ca?: { readonly secretName: string };
    readonly selfSigned?: object;
  };
  readonly status?: { readonly conditions?: readonly Condition[]; readonly acme?: { readonly uri?: string } };
}

export interface Certificate extends KubeObject {
  readonly spec: {
    readonly secretName: string;
    readonly issuerRef: IssuerRef;
    readonly commonName?: string;
    readonly dnsNames?: readonly string[];
    readonly ipAddresses?: readonly string[];
    readonly uris?: readonly string[];
    readonly duration?: string;
    readonly renewBefore?: string;
    readonly isCA?: boolean;
    readonly usages?: readonly string[];
    readonly privateKey?: {
      readonly algorithm?: 'RSA' | 'ECDSA' | 'Ed25519';
      readonly size?: number;
      readonly encoding?: 'PKCS1' | 'PKCS8';
      readonly rotationPolicy?: string;
    };
    readonly secretTemplate?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly notAfter?: string;
    readonly notBefore?: string;
    readonly renewalTime?: string;
    readonly revision?: number;
    readonly lastFailureTime?: string | null;
    readonly failedIssuanceAttempts?: number | null;
  };
}

export const conditionOf = (
  object: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined,
  type: string,
): Condition | undefined => object?.status?.conditions?.find((condition) => condition.type === type);

/** The conditions with one set; the time of transition stays where the status does. */
export function withCondition(before: readonly Condition[] | undefined, condition: Condition): Condition[] {
  const old = before?.find(({ type }) => type === condition.type);
  const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
  return [...(before ?? []).filter(({ type }) => type !== condition.type), { ...condition, lastTransitionTime: since ?? now() }];
}

/** As Kubernetes writes times: whole seconds. */
export const now = (date = new Date()): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

export const certificatePath = (namespace: string, name = ''): string =>
  `/apis/cert-manager.io/v1/namespaces/${namespace}/certificates/${name}`.replace(/\/$/, '');

/** A duration as Go writes it (`2160h`, `720h0m0s`), in milliseconds. */
export function milliseconds(text: string): number {
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000 };
  return [...text.matchAll(/([\d.]+)(h|m|s)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? 's'] ?? 0), 0);
}
