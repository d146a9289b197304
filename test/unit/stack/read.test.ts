/** The stack file: what it becomes. Its mistakes are in `mistakes.test.ts`. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { readStack } from '../../../src/stack/read.ts';
import { errors, read, small } from './reading.ts';

test('four lines are a whole stack, fit for production', async () => {
  const { stack, notices } = read(small);
  assert.deepEqual(await notices(), []);
  assert.equal(stack.dns.zone, 'example.com');
  assert.deepEqual(stack.network.subnets, { cluster: { cidr: '10.20.0.0/20' }, database: { cidr: '10.20.16.0/24' }, single: false });
  assert.equal(stack.database.flavor, 'rds.pg.n1.large.4.ha');
  assert.deepEqual(stack.database.ha, { replication: 'async' });
  assert.deepEqual(stack.database.zones, ['eu-de-01', 'eu-de-02']);
  assert.equal(stack.cluster.flavor, 'cce.s2.small');
  assert.deepEqual(stack.cluster.nodes.zones, ['eu-de-01', 'eu-de-02', 'eu-de-03']);
  assert.deepEqual(stack.cluster.allow, ['runner']);
  assert.equal(stack.ingress.controller, 'contour');
  assert.deepEqual(stack.zitadel.chart, { version: '9.34.0' });
  assert.equal(stack.zitadel.replicas, 3);
  assert.equal(stack.zitadel.admin.email, 'platform@example.com');
  assert.deepEqual(stack.destroy, { database: false, zone: false });
});

test('a number that breaks two rules is reported once', () => {
  for (const [given, right] of [
    ['5', '40 to 4000, a multiple of 10'],
    ['45.5', 'a whole number'],
  ])
    assert.deepEqual(errors(`${small}database: { storage: { size: ${given} } }\n`), [
      `5:30 database.storage.size: ${given} is not right | Right would be ${right}.`,
    ]);
});

test('one subnet for both, in both spellings', () => {
  for (const subnets of ['{ cluster: 10.20.0.0/20, single: true }', '{ cluster: 10.20.0.0/20, database: 10.20.0.0/20 }']) {
    const { stack } = read(`${small}network: { subnets: ${subnets} }\n`);
    assert.equal(stack.network.subnets.single, true);
    assert.equal(stack.network.subnets.database.cidr, '10.20.0.0/20');
  }
});

test('what exists already, pins and a single database', async () => {
  const { stack, notices } = read(`${small}network:
  existing: { name: shared-vpc }
  cidr: 192.168.0.0/16
  subnets:
    cluster: { cidr: 192.168.1.0/24, existing: { id: 4779ab1c } }
database: { flavor: rds.pg.n1.large.4, version: 15 }
zitadel: { chart: { version: 9.34.0, digest: "sha256:${'a'.repeat(64)}" } }
`);
  assert.deepEqual(stack.network.existing, { name: 'shared-vpc' });
  assert.deepEqual(stack.network.subnets.cluster, { cidr: '192.168.1.0/24', existing: { id: '4779ab1c' } });
  assert.equal(stack.database.ha, false);
  assert.equal(stack.database.version, '15');
  assert.deepEqual(stack.zitadel.chart, { version: '9.34.0', digest: 'a'.repeat(64) });
  assert.deepEqual(
    (await notices()).map(({ message }) => message),
    ['database.flavor: the database has no standby'],
  );
});

test('defaults of pods and Services keep away from the VPC', () => {
  for (const cidr of ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '10.20.0.0/24'])
    assert.deepEqual(errors(`${small}network: { cidr: ${cidr} }\n`), [], cidr);
});

test('variables: values, types, escapes, and what is not set', () => {
  const env = { REPLICAS: '5', ORG: 'A: "b" #c', LONG: '01' };
  const { stack } = read(`${small}zitadel: { organization: "\${ORG} $\${x}" }\n`, env);
  assert.equal(stack.zitadel.organization, 'A: "b" #c ${x}');
  assert.equal(read(`${small}zitadel:\n  replicas: \${REPLICAS}\n`, env).stack.zitadel.replicas, 5);
  assert.deepEqual(errors(`${small}zitadel:\n  replicas: \${NOPE}\n  organization: a \${ALSO} b\n`), [
    '6:13 zitadel.replicas: the variable NOPE is not set | Set it under "env:" of the step, or write the value here.',
    '7:17 zitadel.organization: the variable ALSO is not set | Set it under "env:" of the step, or write the value here.',
  ]);
  assert.match(errors(`${small}cluster: { allow: [a\${]}] }\n`)[0] ?? '', /^5:22 .*A variable is written \$\{NAME\}; inside/);
  assert.match(errors(`${small}zitadel:\n  organization: \${A:-b}\n`).join(), /"\$\{A:-b\}" is not a variable/);
});

test('the examples, and the stack files in the documentation, are right', () => {
  const root = new URL('../../../', import.meta.url);
  const text = (path: string): string => readFileSync(new URL(path, root), 'utf8');
  const examples = readdirSync(new URL('examples/', root)).filter((name) => name.startsWith('zitadel'));
  assert.ok(examples.length >= 2);
  for (const name of examples) assert.deepEqual(errors(text(`examples/${name}`)), [], name);
  for (const page of ['README.md', 'docs/stack-file.md']) {
    const blocks = [...text(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
      .map(([, block = '']) => block)
      .filter((block) => /^name: zitadel/m.test(block));
    assert.ok(blocks.length > 0, page);
    for (const block of blocks) assert.deepEqual(errors(block), [], page);
  }
});

test('the public zone’s project: the region’s own, another only with a certificate of one’s own', () => {
  const inRegion = (region: string, more = '') => small.replace('region: eu-de', `region: ${region}`) + more;
  assert.equal(read(inRegion('eu-de')).stack.dns.project, 'eu-de');
  assert.equal(read(inRegion('eu-nl')).stack.dns.project, 'eu-de');
  const own = 'dns: { project: eu-de_iam }\n';
  assert.match(errors(inRegion('eu-de', own)).join(), /the DNS01 solver sees the zones of project eu-de only/);
  assert.equal(read(inRegion('eu-de', `${own}certificates: { issuer: existing, secret: mine }\n`)).stack.dns.project, 'eu-de_iam');
  assert.match(errors(inRegion('eu-ch2', own)).join(), /public zones of eu-ch2 are managed in eu-ch2/);
});

test('property: whatever the file holds, the answer is a stack or a list of faults with places', () => {
  const lines = small.trim().split('\n');
  const junk = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.constantFrom(
      '__proto__: { a: 1 }',
      'constructor: x',
      'toString: y',
      'network: []',
      'network: [a]',
      '.: a',
      '"": a',
      'a.b: { c.d: 1 }',
      '<<: { a: 1 }',
      'network: null',
      'database: 5',
      'cluster: { nodes: null }',
      'a: &a [*a]',
      '- x',
      '? [a]: b',
      'zitadel: { values: [] }',
      'cluster: { allow: [null] }',
      'dns: { existing: { id: 5 } }',
    ),
  );
  fc.assert(
    fc.property(fc.array(junk, { maxLength: 4 }), fc.subarray(lines), (more, kept) => {
      errors([...kept, ...more].join('\n'));
    }),
    { numRuns: 1500 },
  );
});

test('the place of a setting that a later message is about', () => {
  const text = `${small}cluster:\n  nodes: { flavor: s3.large.4, zones: [eu-de-01, eu-de-02, eu-de-03] }\ndatabase:\n  flavor: rds.pg.n1.large.4.ha\n`;
  const { placeOf } = readStack({ text, file: 'zitadel.yaml', env: {}, readFile: () => '' });
  const line = (message: string): string | undefined => text.split('\n')[(placeOf(message)?.line ?? 0) - 1]?.trim();
  assert.match(line('Flavor s3.large.4 is sold out in eu-de-01; on offer: s3.xlarge.4.') ?? '', /^nodes: /);
  assert.equal(line('database.flavor: not in two zones'), 'flavor: rds.pg.n1.large.4.ha');
  assert.equal(line('database.storage.size: 100 cannot be made smaller'), 'database:', 'left to its default: the block around it');
  assert.equal(line('domain is id.example.com and ZITADEL is served under login.example.com'), 'domain: login.example.com');
  for (const none of ['quota reached: cluster', 'Flavor s3.large.44 is unknown', 'GET https://login.example.com/: 404', 'network.cidr overlaps'])
    assert.equal(placeOf(none), undefined, none);
});
