/**
 * Owns the Helm values of ZITADEL's release (value paths of charts 9.x, checked against 9.34.0). Complete and without
 * any secret: those stand in Secrets that the values name. The user's own values are laid over ours. Pure.
 */
import { isIP } from 'node:net';
import type { Stack, ZitadelSettings } from '../stack/stack.ts';
import { merge } from './config.ts';
import { recordAnnotations } from './external-dns.ts';
import { routeValues } from './gateway.ts';
import { CONFIG_KEY, secretNames, tlsSecretName } from './identity.ts';
import { podLabels, spread } from './spread.ts';

export interface ValuesInput {
  readonly stack: Stack;
  readonly database: { readonly host: string; readonly port: number };
  /** Public address of the load balancer. */
  readonly address: string;
  /** `v1.33` or longer. */
  readonly clusterVersion: string;
  /** When each Secret last changed; a new one restarts the pods, which read Secrets only at their start. */
  readonly secretsChanged: readonly string[];
}

/** When the login app's token ends. Nothing renews it; how another one is made by hand: docs/secrets.md. */
const LOGIN_TOKEN_ENDS = '2099-01-01T00:00:00Z';

/** Pod annotation that changes with the Secrets. */
export const SECRETS_ANNOTATION = 'zitadel-on-otc/secrets-changed';

/**
 * Tags of `docker.io/alpine/k8s` by Kubernetes minor version. The chart would derive the tag from the cluster's full
 * version, and not each of those was published; without the image the login client's token is lost for ever. So a version
 * without a tag of its own gets the nearest: the chart only makes Secrets with it, which each kubectl can.
 */
const KUBECTL_TAGS: Readonly<Record<string, string>> = { '1.30': '1.31.4', '1.31': '1.31.4', '1.32': '1.32.9', '1.33': '1.33.4', '1.34': '1.34.1' };
const NEWEST_KUBECTL_TAG = '1.34.1';

const LOGIN_PATH = '/ui/v2/login';

export function zitadelValues(input: ValuesInput): Record<string, unknown> {
  const { stack } = input;
  const own = ownValues(input);
  // The chart's own keys are case-sensitive, ZITADEL's configuration is not.
  const merged = merge(own, stack.zitadel.values, false);
  const configOf = (values: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const zitadel = (values['zitadel'] ?? {}) as { configmapConfig?: Record<string, unknown> };
    return zitadel.configmapConfig ?? {};
  };
  const zitadel = merged['zitadel'] as Record<string, unknown>;
  return { ...merged, zitadel: { ...zitadel, configmapConfig: merge(configOf(own), configOf(stack.zitadel.values)) } };
}

function ownValues({ stack, database, address, clusterVersion, secretsChanged }: ValuesInput): Record<string, unknown> {
  const { domain, ingress, zitadel } = stack;
  const annotations = { [SECRETS_ANNOTATION]: secretsChanged.join(' ') };
  const tag = KUBECTL_TAGS[/(\d+\.\d+)/.exec(clusterVersion)?.[1] ?? ''] ?? NEWEST_KUBECTL_TAG;
  const hosts = (path: string): object[] => [{ host: domain, paths: [{ path, pathType: 'Prefix' }] }];
  const tls = [{ hosts: [domain], secretName: tlsSecretName(stack) }];
  const perController = forController(ingress.controller);
  const record = recordAnnotations(stack, address);
  const byGateway = ingress.controller === 'envoy-gateway';
  return {
    replicaCount: zitadel.replicas,
    podAnnotations: annotations,
    pdb: { enabled: zitadel.replicas > 1, maxUnavailable: 1 },
    resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
    topologySpreadConstraints: spread(podLabels('zitadel', zitadel.release, 'start')),
    tools: { kubectl: { image: { tag } } },
    // The database is known to be up by now: two retries tell a wrong setting from a hiccup.
    initJob: { backoffLimit: 2, activeDeadlineSeconds: 600 },
    setupJob: { backoffLimit: 2, activeDeadlineSeconds: 900 },
    // An uninstall would else delete the login client's token, which ZITADEL makes only once.
    cleanupJob: { enabled: false },
    service: { annotations: perController.service },
    ...(byGateway
      ? { ingress: { enabled: false }, gateway: routeValues(stack, '/') }
      : {
          ingress: {
            enabled: true,
            className: ingress.className,
            controller: perController.controller,
            annotations: { ...record, ...perController.ingress },
            hosts: hosts('/'),
            tls,
          },
        }),
    login: {
      enabled: true,
      replicaCount: zitadel.loginReplicas,
      podAnnotations: annotations,
      pdb: { enabled: zitadel.loginReplicas > 1, maxUnavailable: 1 },
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
      topologySpreadConstraints: spread(podLabels('zitadel-login', zitadel.release, 'login')),
      ...(byGateway
        ? { ingress: { enabled: false }, gateway: routeValues(stack, LOGIN_PATH) }
        : {
            ingress: {
              enabled: true,
              className: ingress.className,
              annotations: { ...record, ...perController.login },
              hosts: hosts(LOGIN_PATH),
              tls,
            },
          }),
    },
    zitadel: {
      masterkeySecretName: secretNames.masterkey,
      configSecretName: secretNames.config,
      configSecretKey: CONFIG_KEY,
      dbSslCaCrtSecret: secretNames.databaseCa,
      configmapConfig: configuration(stack, database),
    },
  };
}

function configuration(stack: Stack, database: ValuesInput['database']): Record<string, unknown> {
  const { admin, organization, tlsMode } = stack.zitadel;
  const SSL = { Mode: databaseTlsMode(tlsMode, database.host) };
  return {
    ExternalDomain: stack.domain,
    ExternalPort: 443,
    ExternalSecure: true,
    TLS: { Enabled: false },
    // Both would call out: a daily report to zitadel.com, a question to the cloud's metadata address (ZITADEL v4.13).
    ServicePing: { Enabled: false },
    Machine: { Identification: { Hostname: { Enabled: true }, PrivateIp: { Enabled: true }, Webhook: { Enabled: false } } },
    Database: {
      Postgres: {
        Host: database.host,
        // What the database is changed back to, should somebody have changed it; of an existing one, what it has.
        Port: stack.database.existing === undefined ? stack.database.port : database.port,
        Database: stack.database.name,
        MaxOpenConns: 10,
        MaxIdleConns: 5,
        MaxConnLifetime: '30m',
        MaxConnIdleTime: '5m',
        User: { Username: stack.database.user, SSL },
        Admin: { Username: 'root', ExistingDatabase: 'postgres', SSL },
      },
    },
    FirstInstance: {
      Org: {
        Name: organization,
        Human: {
          UserName: admin.userName,
          FirstName: admin.firstName,
          LastName: admin.lastName,
          Email: { Address: admin.email, Verified: true },
          PreferredLanguage: 'en',
          PasswordChangeRequired: admin.changePassword,
        },
        // No second administrator with a key that never rotates.
        Machine: null,
        // The login app's token, made once at the first setup; the chart's own date is 2029-01-01 (9.34.0), and no login works after it.
        LoginClient: { Pat: { ExpirationDate: LOGIN_TOKEN_ENDS } },
      },
    },
  };
}

/**
 * How strictly the database's certificate is checked. `auto`: a host name is compared with the certificate; an address
 * is not, because RDS does not promise to put its private address into the certificate (RDS user guide).
 */
export function databaseTlsMode(mode: ZitadelSettings['tlsMode'], host: string): Exclude<ZitadelSettings['tlsMode'], 'auto'> {
  if (mode !== 'auto') return mode;
  return isIP(host) === 0 ? 'verify-full' : 'verify-ca';
}

interface ControllerValues {
  readonly controller: 'generic' | 'nginx';
  readonly service: Readonly<Record<string, string>>;
  readonly ingress: Readonly<Record<string, string>>;
  readonly login: Readonly<Record<string, string>>;
}

/** What makes each controller speak h2c to port 8080, and send plain HTTP on to HTTPS. */
function forController(controller: Stack['ingress']['controller']): ControllerValues {
  switch (controller) {
    case 'contour': {
      const redirect = { 'ingress.kubernetes.io/force-ssl-redirect': 'true' };
      return { controller: 'generic', service: { 'projectcontour.io/upstream-protocol.h2c': '8080' }, ingress: redirect, login: redirect };
    }
    case 'nginx':
      // The chart adds backend-protocol GRPC to the first Ingress alone.
      return { controller: 'nginx', service: {}, ingress: {}, login: {} };
    case 'haproxy':
      return { controller: 'generic', service: { 'haproxy.org/server-proto': 'h2' }, ingress: {}, login: {} };
    default:
      return { controller: 'generic', service: {}, ingress: {}, login: {} };
  }
}
