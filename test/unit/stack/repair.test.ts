/** One broken setting hides no error but those that nobody can tell without it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Faults } from '../../../src/engine/fault.ts';
import { readStack } from '../../../src/stack/read.ts';

type Values = Readonly<Record<string, unknown>>;

/** Values of a setting that the schema takes (`undefined`: left out), some of which break a rule with others. */
const possible: Readonly<Record<string, readonly unknown[]>> = {
  region: ['eu-de', 'eu-nl', 'eu-ch2'],
  domain: ['login.example.com', 'login.example.org', 'id.example.net'],
  'network.existing': [undefined, { name: 'shared' }, { id: 'a', name: 'b' }],
  'network.cidr': [
    undefined,
    '10.20.0.0/16',
    '192.168.0.0/20',
    '172.16.0.0/12',
    '8.8.0.0/16',
    '10.96.0.0/12',
    '10.240.0.0/12',
    '192.168.8.0/28',
    '10.20.16.0/23',
    '10.20.0.1/16',
  ],
  'network.subnets.cluster': [undefined, '10.20.0.0/20', '10.20.16.0/24', '192.168.8.0/29', '172.16.0.0/20', '172.20.0.0/16', '10.20.1.1/24'],
  'network.subnets.database': [undefined, '10.20.16.0/24', '10.20.0.0/20', '192.168.8.0/29', { cidr: '172.16.0.0/20' }],
  'network.subnets.single': [undefined, true, false],
  'database.existing': [undefined, { name: 'mine' }, {}],
  'database.flavor': [undefined, 'rds.pg.n1.large.4', 'rds.pg.n1.large.4.ha'],
  'database.ha': [undefined, true, false],
  'database.zones': [undefined, ['eu-de-01'], ['eu-nl-01', 'eu-nl-02'], ['eu-ch2a', 'eu-ch2b', 'eu-ch2a']],
  'database.storage.size': [undefined, 40, 500, 4000],
  'database.storage.autoExpandTo': [undefined, 0, 10, 100, 4000],
  'database.user': [undefined, 'root', 'login'],
  'cluster.existing': [undefined, { id: 'x' }, {}],
  'cluster.flavor': [undefined, 'cce.s1.small', 'cce.s2.medium', 'cce.s2.xlarge'],
  'cluster.version': [undefined, 'v1.29', 'v1.33'],
  'cluster.serviceCidr': [undefined, '10.20.0.0/16', '192.168.0.0/20', '172.31.0.0/30'],
  'cluster.containerNetwork.cidr': [undefined, '172.20.0.0/16', '10.16.0.0/12', '192.168.0.0/17', '10.0.0.0/8'],
  'cluster.allow': [undefined, ['runner', '300.1.1.1/8'], ['10.0.0.1/8']],
  'cluster.bastion.zone': [undefined, 'eu-de-01', 'eu-de-09'],
  'cluster.nodes.count': [undefined, 1, 60, 1500],
  'cluster.nodes.zones': [undefined, ['eu-de-01'], ['eu-nl-01', 'eu-nl-01'], ['eu-ch2a', 'eu-ch2b'], ['eu-de-09']],
  'loadBalancer.zones': [undefined, ['eu-de-01'], ['eu-nl-01', 'eu-nl-01']],
  'ingress.controller': [undefined, 'contour', 'envoy-gateway', 'existing'],
  'ingress.className': [undefined, 'mine'],
  'certificates.issuer': [undefined, 'letsencrypt', 'existing'],
  'certificates.secret': [undefined, 'mine'],
  'dns.zone': [undefined, 'example.org', 'example.com', 'example.net'],
  'dns.project': [undefined, 'eu-de', 'eu-ch2', 'eu-de_mine'],
  'dns.records': [undefined, 'external-dns'],
  'zitadel.namespace': [undefined, 'identity', 'kube-system', 'contour'],
  'zitadel.chart': [undefined, '9.20.0', '8.13.4', { version: '9.34.0' }],
};
const settings = Object.keys(possible);
/** Of the wrong type everywhere, and a block without what it needs. */
const broken = [5.5, [[]], { existing: 5 }] as const;

function textOf(values: Values): string {
  const tree: Record<string, unknown> = { name: 'stack', contact: 'a@example.com' };
  for (const [setting, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const parts = setting.split('.');
    const last = parts.pop() ?? '';
    let at = tree;
    for (const part of parts) {
      at[part] ??= {};
      at = at[part] as Record<string, unknown>;
    }
    at[last] = value;
  }
  return JSON.stringify(tree);
}

const helmValues = JSON.stringify({
  zitadel: { configmapConfig: { ExternalDomain: 'login.example.com', Database: { Postgres: { User: { Username: 'login' } } } } },
  ingress: { className: 'contour' },
  initJob: { enabled: false },
});

function errors(values: Values): string[] {
  try {
    readStack({ text: textOf({ ...values, 'zitadel.values': 'v.yaml' }), file: 'zitadel.yaml', env: {}, readFile: () => helmValues });
  } catch (error) {
    if (!(error instanceof Faults)) throw error;
    return error.faults.map(({ message, place }) => (place?.file === 'v.yaml' ? `values: ${message}` : message));
  }
  return [];
}

test('property: with a broken setting, exactly those errors of the others are told that hold whatever it was meant to be', () => {
  const some = fc.record(Object.fromEntries(settings.map((setting) => [setting, fc.constantFrom(...(possible[setting] ?? []))])));
  fc.assert(
    fc.property(some, fc.constantFrom(...settings), fc.constantFrom(...broken), (values, setting, wrong) => {
      const told = errors({ ...values, [setting]: wrong });
      const own = told.filter((message) => new RegExp(`^${setting}\\b`).test(message));
      assert.ok(own.length > 0, `${setting} is broken, and nobody says so`);
      const others = told.filter((message) => !own.includes(message));
      const always = (possible[setting] ?? [])
        .map((value) => errors({ ...values, [setting]: value }))
        .reduce((before, now) => before.filter((message) => now.includes(message)));
      for (const message of others) assert.ok(always.includes(message), `told without knowing ${setting}: ${message}`);
      for (const message of always) if (!message.startsWith(setting)) assert.ok(others.includes(message), `hidden by ${setting}: ${message}`);
    }),
    { numRuns: 120 },
  );
});
