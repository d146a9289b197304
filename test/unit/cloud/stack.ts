/** Owns a complete stack for the cloud's tests, and a walk's surroundings. */
import type { CloudContext } from '../../../src/cloud/context.ts';
import type { Journal, Outcome } from '../../../src/engine/outcome.ts';
import type { Run } from '../../../src/engine/resource.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { Secret } from '../../../src/secret.ts';
import { namesFor } from '../../../src/stack/names.ts';
import type { Stack } from '../../../src/stack/stack.ts';

const pin = { version: '1.0.0' };

export const stack: Stack = {
  format: 1,
  name: 'shop',
  region: 'eu-de',
  domain: 'login.example.com',
  contact: 'ops@example.com',
  consent: { agency: true },
  adopt: { releases: false },
  network: {
    cidr: '10.20.0.0/16',
    subnets: { cluster: { cidr: '10.20.0.0/20' }, database: { cidr: '10.20.16.0/24' }, single: false },
    egress: 'nat-gateway',
    natGateway: { size: 'small' },
    dns: ['100.125.4.25', '100.125.129.199'],
  },
  database: {
    flavor: 'rds.pg.n1.large.4.ha',
    version: '16',
    ha: { replication: 'async' },
    zones: ['eu-de-01', 'eu-de-02'],
    storage: { type: 'CLOUDSSD', size: 100, autoExpandTo: 200 },
    backup: { keepDays: 7, window: '02:00-03:00' },
    port: 5432,
    name: 'zitadel',
    user: 'zitadel',
    passwordGeneration: { root: 1, user: 1 },
  },
  cluster: {
    flavor: 'cce.s2.small',
    version: 'v1.33',
    containerNetwork: { mode: 'vpc-router', cidr: '172.16.0.0/16' },
    serviceCidr: '10.247.0.0/16',
    access: 'eip',
    allow: ['198.51.100.0/24'],
    openForReads: false,
    bastion: { image: 'Standard_Debian_12_latest', flavor: 's3.medium.1', zone: 'eu-de-01', keep: true, idleMinutes: 15 },
    nodes: {
      flavor: 's3.large.4',
      count: 3,
      zones: ['eu-de-01', 'eu-de-02', 'eu-de-03'],
      os: 'HCE OS 2.0',
      rootVolume: { type: 'SSD', size: 50 },
      dataVolume: { type: 'SSD', size: 100 },
    },
  },
  loadBalancer: { zones: ['eu-de-01', 'eu-de-02'], l4Flavor: 'L4_flavor.elb.s1.small', l7Flavor: 'L7_flavor.elb.s1.small', bandwidth: 100 },
  ingress: { controller: 'contour', className: 'contour', replicas: 2 },
  certificates: { issuer: 'letsencrypt', certManager: pin, solver: pin, issuerName: 'letsencrypt' },
  dns: { zone: 'example.com', records: 'direct', ttl: 300, project: 'eu-de', externalDns: pin, requireDelegation: true },
  zitadel: {
    chart: pin,
    namespace: 'zitadel',
    release: 'zitadel',
    replicas: 3,
    loginReplicas: 2,
    organization: 'Shop',
    admin: { userName: 'admin', email: 'a@example.com', firstName: 'A', lastName: 'B', changePassword: true, passwordGeneration: 1 },
    tlsMode: 'auto',
    values: {},
  },
  destroy: { database: false, zone: false },
};

export const secrets = {
  masterkey: new Secret('M'.repeat(16) + 'k'.repeat(16)),
  databaseRootPassword: new Secret('Root-Password-123'),
};

export function contextFor(otc: Otc, changed: Partial<Stack> = {}): CloudContext {
  const wanted = { ...stack, ...changed };
  return { otc, stack: wanted, names: namesFor(wanted.name, otc.projectId), secrets, madeByLock: new Set(), clustersTaken: new Set() };
}

/** The emulated cloud is done at once: looks need no seconds between them. */
export const pause = (_seconds: number, signal: AbortSignal): Promise<void> => pauseFor(0.001, signal);

export const run: Run = { signal: new AbortController().signal, say: () => undefined, pause };

export interface Heard extends Journal {
  readonly lines: string[];
}

/** A journal that remembers. */
export function journal(): Heard {
  const lines: string[] = [];
  return {
    lines,
    begin: () => undefined,
    say: (resource, line) => lines.push(`${resource.id}: ${line}`),
    end: () => undefined,
  };
}

/** `id verdict` of each outcome, with what went wrong. */
export function verdicts(outcomes: readonly Outcome[]): string[] {
  return outcomes.map(({ id, verdict, fault, changes, note }) =>
    [id, verdict, fault?.message, ...(verdict === 'create' ? [] : changes).map(({ field }) => field), verdict === 'blocked' ? note : undefined]
      .filter(Boolean)
      .join(' | '),
  );
}
