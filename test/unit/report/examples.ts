/** Reports as runs make them, for golden files and pictures. */
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import type { Change } from '../../../src/engine/resource.ts';
import { type PlanParts, planDigest } from '../../../src/report/plan-digest.ts';
import { makeReport, type Report, type ReportParts } from '../../../src/report/report.ts';
import { supportFindings } from '../../../src/report/support.ts';
import { OtherPlan } from '../../../src/run/plan.ts';

const all: readonly (readonly [string, string, readonly string[], number])[] = [
  ['project/preflight', 'Quotas, flavors and zones', [], 0.8],
  ['network/vpc', 'VPC zitadel-prod-vpc-1a2b3c', ['project/preflight'], 3.1],
  ['network/subnet-cluster', 'Subnet zitadel-prod-cluster-1a2b3c', ['network/vpc'], 5.2],
  ['network/subnet-database', 'Subnet zitadel-prod-database-1a2b3c', ['network/vpc'], 5.4],
  ['network/security-group-client', 'Security group zitadel-prod-rds-client-1a2b3c', ['project/preflight'], 1.2],
  ['network/security-group-database', 'Security group zitadel-prod-rds-1a2b3c', ['network/security-group-client'], 2.4],
  ['network/nat-eip', 'EIP zitadel-prod-nat-1a2b3c', ['project/preflight'], 2],
  ['network/nat-gateway', 'NAT gateway zitadel-prod-nat-1a2b3c', ['network/vpc', 'network/subnet-cluster'], 22],
  ['network/snat-rule', 'SNAT rule of zitadel-prod-nat-1a2b3c', ['network/nat-gateway', 'network/nat-eip', 'network/subnet-cluster'], 6],
  ['dns/zone', 'DNS zone example.com', ['project/preflight'], 1.5],
  ['dns/delegation', 'Delegation of example.com', ['dns/zone'], 0.4],
  [
    'database/instance',
    'RDS instance zitadel-prod-rds-1a2b3c',
    ['network/vpc', 'network/subnet-database', 'network/security-group-database', 'dns/delegation'],
    421,
  ],
  ['database/ca', 'CA of the database', ['database/instance'], 0.6],
  ['cluster/cluster', 'CCE cluster zitadel-prod-cce-1a2b3c', ['network/vpc', 'network/subnet-cluster', 'dns/delegation'], 512.4],
  ['cluster/api-access', 'Access to the API server', ['cluster/cluster', 'network/vpc'], 1.1],
  [
    'cluster/node-pool-eu-de-01',
    'Node pool zitadel-prod-np-eu-de-01-1a2b3c',
    ['cluster/api-access', 'cluster/cluster', 'network/snat-rule', 'network/security-group-client'],
    240,
  ],
  ['cluster/kubeconfig', 'Kubeconfig of zitadel-prod-cce-1a2b3c', ['cluster/api-access', 'cluster/cluster'], 0.3],
  ['load-balancer/load-balancer', 'Load balancer zitadel-prod-elb-1a2b3c', ['network/vpc', 'network/subnet-cluster'], 11],
  ['kube/namespace-zitadel', 'Namespace zitadel', ['cluster/kubeconfig'], 0.2],
  ['zitadel/masterkey', 'Secret zitadel/zitadel-masterkey', ['kube/namespace-zitadel', 'database/instance'], 0.3],
  ['zitadel/config', 'Secret zitadel/zitadel-config', ['zitadel/masterkey'], 0.3],
  ['ingress/contour', 'Helm release projectcontour/contour (contour 0.2.1)', ['cluster/node-pool-eu-de-01', 'load-balancer/load-balancer'], 35],
  ['certificates/certificate', 'Certificate zitadel/zitadel-tls', ['ingress/contour', 'dns/delegation'], 64],
  [
    'zitadel/release',
    'Helm release zitadel/zitadel (zitadel 9.34.0)',
    ['zitadel/config', 'database/ca', 'cluster/node-pool-eu-de-01', 'ingress/contour'],
    118,
  ],
  ['dns/record', 'DNS record login.example.com', ['dns/zone', 'load-balancer/load-balancer'], 1.9],
  [
    'zitadel/verification',
    'Verification of https://login.example.com from outside',
    ['zitadel/release', 'certificates/certificate', 'dns/record'],
    7.7,
  ],
];
const observers = new Set(['project/preflight', 'dns/delegation', 'zitadel/verification']);

/** All resources of a stack with one verdict, some of them otherwise. */
export function outcomesOf(verdict: Verdict, others: Readonly<Record<string, Partial<Outcome>>> = {}): Outcome[] {
  return all.map(([id, title, needs, seconds]) => {
    const readsOnly = observers.has(id) ? { readsOnly: true } : {};
    const plain = observers.has(id) && ['create', 'delete'].includes(verdict) ? 'unchanged' : verdict;
    return { id, title, needs, verdict: plain, changes: [], facts: {}, seconds, done: false, ...readsOnly, ...others[id] };
  });
}

const base: ReportParts = {
  command: 'deploy',
  stack: { name: 'zitadel-prod', region: 'eu-de', project: 'eu-de_iam' },
  outcomes: [],
  versions: { 'ZITADEL chart': '9.34.0', Kubernetes: 'v1.33', PostgreSQL: '16', Helm: '4.1.4' },
  seconds: 1322,
  apiCalls: 212,
};
const urls = {
  url: 'https://login.example.com',
  consoleUrl: 'https://login.example.com/ui/console',
  login: { name: 'zitadel-admin@zitadel.login.example.com', passwordFrom: 'derived from stack-secret, see docs/secrets.md' },
};
const waits = (id: string): Partial<Outcome> => ({ verdict: 'blocked', note: `waits for ${id}`, seconds: 0 });
const now = Date.parse('2026-11-23T00:00:00Z');

const edited: Change = { field: 'data', why: 'written by kubectl-edit, not by this action; other content in config-yaml' };
const drifted: Readonly<Record<string, Partial<Outcome>>> = {
  'network/security-group-database': {
    verdict: 'update',
    changes: [
      { field: 'rule ingress tcp 5432 from 0.0.0.0/0', before: 'ingress tcp 5432 from 0.0.0.0/0' },
      { field: 'rule ingress tcp 5432 from group 7c1f', after: 'ingress tcp 5432 from group 7c1f' },
    ],
  },
  'database/instance': { verdict: 'update', changes: [{ field: 'backup_strategy.keep_days', before: 1, after: 7, why: 'backups were cut short' }] },
  'zitadel/release': {
    verdict: 'update',
    changes: [{ field: 'Deployment zitadel spec.replicas', before: 1, after: 3, why: 'changed in the cluster' }],
  },
  'zitadel/config': { verdict: 'update', changes: [edited] },
  'dns/record': { verdict: 'create' },
  'zitadel/verification': {
    verdict: 'update',
    changes: [{ field: 'DNS', before: 'no address', after: 'passes', why: 'Look at the record in the zone.' }],
  },
};

const manifest = (replicas: number, tag: string): string =>
  `apiVersion: apps/v1
kind: Deployment
metadata:
  name: zitadel
spec:
  replicas: ${replicas}
  template:
    spec:
      serviceAccountName: zitadel
      containers:
        - name: zitadel
          image: zitadel:${tag}
          ports:
            - containerPort: 8080
`;

const recorded: Readonly<Record<string, Partial<Outcome>>> = {
  'dns/record': { verdict: 'update', changes: [{ field: 'ttl', before: 60, after: 300 }] },
};
/** A deploy of a plan that had no way into the cluster, with a difference beside. */
const otherPlan = ((): OtherPlan => {
  const plan = (outcomes: readonly Outcome[]): PlanParts => ({ version: '1.0.0', stack: {}, charts: {}, outcomes });
  const blind = outcomesOf('unchanged').map((one) => (/^(kube|zitadel|ingress)\//.test(one.id) ? { ...one, verdict: 'unknown' as const } : one));
  const now = plan(outcomesOf('unchanged', recorded));
  return new OtherPlan(planDigest(plan(blind)), planDigest(now), now);
})();

/** A report of each kind, by the name of its golden file. */
export const examples: Readonly<Record<string, Report>> = {
  'deploy-first': makeReport({
    ...base,
    ...urls,
    outcomes: outcomesOf('create').map((one) => ({ ...one, done: one.verdict === 'create', facts: { id: '99d9d709-8478-4b46-9f3f-2206b1023fd3' } })),
    nextSteps: [
      'Log in at https://login.example.com/ui/console and change the password of the first administrator.',
      'Schedule this action with command drift, so that changes made by hand are seen.',
    ],
  }),
  'deploy-failed': makeReport({
    ...base,
    outcomes: outcomesOf('unchanged', {
      'cluster/cluster': {
        verdict: 'failed',
        fault: new Fault('quota reached: cluster\nused 5 of 5', {
          status: 400,
          code: 'CCE.01400007',
          requestId: '7ed2c1f0a1b2c3d4',
          hint: 'Ask for more clusters in the console under “My Quotas”.',
        }),
      },
      'cluster/api-access': waits('cluster/cluster'),
      'cluster/kubeconfig': waits('cluster/api-access, cluster/cluster'),
      'cluster/node-pool-eu-de-01': waits('cluster/api-access, cluster/cluster'),
      'kube/namespace-zitadel': waits('cluster/kubeconfig'),
      'zitadel/release': waits('zitadel/config, database/ca, cluster/node-pool-eu-de-01, ingress/contour, kube/namespace-zitadel'),
      'zitadel/verification': waits('zitadel/release'),
    }),
    notices: [new Fault('cluster.allow[0]: open to the whole internet', { hint: 'Name the networks.' })],
    nextSteps: ['Mend what failed, then run the same command again: it goes on where this run stopped and makes nothing twice.'],
  }),
  plan: makeReport({
    ...base,
    ...urls,
    command: 'plan',
    seconds: 2.4,
    planDigest: `${'ab12'.repeat(16)}.`,
    outcomes: outcomesOf('unchanged', {
      'database/instance': {
        verdict: 'update',
        changes: [
          { field: 'volume.size', before: 100, after: 200 },
          { field: 'flavor_ref', before: 'rds.pg.n1.large.4.ha', after: 'rds.pg.n1.xlarge.4.ha', why: 'restarts the instance' },
        ],
      },
      'zitadel/release': {
        verdict: 'update',
        changes: [
          { field: 'chart', before: '9.33.0', after: '9.34.0' },
          { field: 'values.replicaCount', before: 2, after: 3 },
          { field: 'Deployment zitadel spec.template.spec.containers[zitadel].image', before: 'zitadel:debug', after: 'zitadel:v4.12.0' },
          { field: 'restart', after: 'known after zitadel/config', following: true },
        ],
        documents: [
          { title: 'Deployment zitadel: stored → rendered', before: manifest(2, 'v4.12.0'), after: manifest(3, 'v4.13.0') },
          { title: 'Deployment zitadel: live → stored', before: manifest(2, 'debug'), after: manifest(2, 'v4.12.0') },
        ],
      },
      'zitadel/config': { verdict: 'update', changes: [edited] },
      'dns/record': {
        verdict: 'create',
        changes: [
          { field: 'records', after: 'known after load-balancer/load-balancer' },
          { field: 'ttl', after: 300 },
        ],
        note: 'known after load-balancer/load-balancer',
      },
      'cluster/node-pool-eu-de-01': {
        verdict: 'create',
        changes: [
          { field: 'initialNodeCount', after: 1 },
          { field: 'nodeTemplate.flavor', after: 's3.large.4' },
          { field: 'nodeTemplate.az', after: 'eu-de-01' },
          { field: 'nodeTemplate.os', after: 'HCE OS 2.0' },
          { field: 'nodeTemplate.rootVolume', after: 'SSD 50' },
          { field: 'nodeTemplate.dataVolumes', after: 'SSD 100' },
        ],
      },
    }),
    nextSteps: ['Run deploy, with plan-digest if exactly this plan is to be carried out.'],
  }),
  'deploy-other-plan': makeReport({
    ...base,
    seconds: 2.7,
    outcomes: outcomesOf('unchanged', recorded),
    faults: [otherPlan],
    nextSteps: [otherPlan.instead ?? ''],
  }),
  'plan-nothing': makeReport({
    ...base,
    ...urls,
    command: 'plan',
    seconds: 2.1,
    planDigest: `${'cd34'.repeat(16)}.`,
    outcomes: outcomesOf('unchanged'),
  }),
  drift: makeReport({
    ...base,
    ...urls,
    command: 'drift',
    seconds: 2.6,
    outcomes: outcomesOf('unchanged', drifted),
    versions: { ...base.versions, Kubernetes: 'v1.30' },
    support: supportFindings({ Kubernetes: 'v1.30', PostgreSQL: '16' }, now),
    nextSteps: ['Run deploy to bring everything back to what the stack file says.'],
  }),
  destroy: makeReport({
    ...base,
    command: 'destroy',
    outcomes: outcomesOf('delete', {
      'network/vpc': { verdict: 'kept', note: 'what holds data stands on it' },
      'network/subnet-database': { verdict: 'kept', note: 'what holds data stands on it' },
      'network/security-group-database': { verdict: 'kept', note: 'what holds data stands on it' },
      'database/instance': { verdict: 'kept', note: 'holds data' },
      'dns/zone': { verdict: 'kept', note: 'holds data' },
    }).map((one) => ({ ...one, done: one.verdict === 'delete', ...(one.readsOnly === true ? { verdict: 'absent' as const } : {}) })),
  }),
  check: makeReport({
    ...base,
    command: 'check',
    seconds: 1.2,
    apiCalls: 9,
    outcomes: outcomesOf('unchanged')
      .filter(({ id }) => observers.has(id))
      .slice(0, 2),
  }),
  'check-file': makeReport({
    ...base,
    stack: { name: 'zitadel-prod', region: 'eu-de' },
    command: 'check',
    seconds: 0.2,
    apiCalls: undefined,
    fileOnly: true,
    notices: [new Fault('no credentials were given: only the stack file was checked')],
  }),
  'stack-file-error': makeReport({
    command: 'plan',
    outcomes: [],
    versions: {},
    seconds: 0.1,
    faults: [
      new Fault('region: "eu-dee" is not possible', { place: { file: 'zitadel.yaml', line: 3, column: 9 }, hint: 'Did you mean "eu-de"?' }),
      new Fault('databse is not known', { place: { file: 'zitadel.yaml', line: 7, column: 1 }, hint: 'Did you mean "database"?' }),
    ],
  }),
};
