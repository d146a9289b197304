/** Owns the shapes of Gateway API and of Envoy Gateway that its stand-in reads, their paths and the names that it gives. Pure. */
import { createHash } from 'node:crypto';
import type { KubeObject } from '../../objects.ts';

export const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
export const gatewayApi = '/apis/gateway.networking.k8s.io/v1';
export const envoyApi = '/apis/gateway.envoyproxy.io/v1alpha1';
export const finalizer = 'gateway-exists-finalizer.gateway.networking.k8s.io';

export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

export interface GatewayClass extends KubeObject {
  readonly spec: { readonly controllerName: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface Listener {
  readonly name: string;
  readonly hostname?: string;
  readonly port: number;
  readonly protocol: string;
  readonly tls?: { readonly mode?: string; readonly certificateRefs?: readonly { readonly name: string; readonly namespace?: string }[] };
  readonly allowedRoutes?: {
    readonly namespaces?: { readonly from?: string; readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> } };
  };
}

export interface Gateway extends KubeObject {
  readonly spec: {
    readonly gatewayClassName: string;
    readonly listeners: readonly Listener[];
    readonly infrastructure?: { readonly parametersRef?: { readonly kind: string; readonly name: string } };
  };
  readonly status?: object;
}

export interface HttpRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly { readonly name: string; readonly namespace?: string; readonly sectionName?: string; readonly kind?: string }[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly {
      readonly matches?: readonly { readonly path?: { readonly type?: string; readonly value?: string } }[];
      readonly filters?: readonly {
        readonly type: string;
        readonly requestRedirect?: { readonly scheme?: string; readonly statusCode?: number };
      }[];
      readonly backendRefs?: readonly { readonly name: string; readonly namespace?: string; readonly port?: number }[];
    }[];
  };
  readonly status?: { readonly parents?: readonly object[] };
}

export interface EnvoyProxy extends KubeObject {
  readonly spec?: {
    readonly provider?: {
      readonly kubernetes?: {
        readonly envoyDeployment?: { readonly replicas?: number; readonly pod?: Readonly<Record<string, unknown>> };
        readonly envoyPDB?: { readonly minAvailable?: unknown; readonly maxUnavailable?: unknown };
        readonly envoyService?: {
          readonly name?: string;
          readonly type?: string;
          readonly externalTrafficPolicy?: string;
          readonly annotations?: Readonly<Record<string, string>>;
          readonly labels?: Readonly<Record<string, string>>;
          readonly loadBalancerClass?: string;
        };
      };
    };
  };
}

export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** `envoy-<namespace>-<name>-<8 hex of sha256>`, the name cut to 48 characters (`ExpectedResourceHashedName`, v1.9.0). */
export function infraName(gateway: string): string {
  const hash = createHash('sha256').update(gateway).digest('hex').slice(0, 8);
  const name = gateway.replaceAll('/', '-');
  return `envoy-${name.length > 48 ? name.slice(0, 48).replace(/-$/, '') : name}-${hash}`;
}

export function owningLabels({ metadata }: KubeObject): Record<string, string> {
  return {
    'gateway.envoyproxy.io/owning-gateway-name': metadata.name,
    'gateway.envoyproxy.io/owning-gateway-namespace': metadata.namespace ?? '',
  };
}

/** The port on which Envoy listens for a Service's port: privileged ones move up by 10000 (`servicePortToContainerPort`). */
export const containerPort = (port: number): number => (port < 1024 ? port + 10_000 : port);
