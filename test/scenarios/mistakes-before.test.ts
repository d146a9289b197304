/**
 * Mistakes that are found before anything is made: in the inputs, in the stack file, in the credentials, in what the region
 * has left. Each is named with its cure, and leaves the project as empty as it was. Those that only show in a running
 * cluster are in the files beside this one.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Row } from '../../sandbox/otc/store.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { type Census, census, cloudCalls, grown, writes } from '../harness/census.ts';
import { stackFile } from '../harness/stack-file.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';

interface Mistake {
  readonly name: string;
  readonly request?: DeployRequest;
  readonly switches?: Readonly<Record<string, unknown>>;
  /** What the message says, and what to do. */
  readonly says: readonly RegExp[];
  /** Lines of the stack file that annotations mark. */
  readonly lines?: readonly RegExp[];
  /** Calls to the cloud at most; 0 where it is seen in the files alone. */
  readonly calls: number;
}

const zeros = '0'.repeat(64);

const mistakes: readonly Mistake[] = [
  {
    name: 'a wrong secret key',
    request: { inputs: { 'secret-key': 'A'.repeat(40) } },
    says: [/sign-in refused.*verify aksk signature fail/s, /Check access-key and secret-key/],
    calls: 1,
  },
  {
    name: 'an access key that does not exist',
    request: { inputs: { 'access-key': 'NOSUCHKEYNOSUCHKEYAA', 'secret-key': 'A'.repeat(40) } },
    says: [/sign-in refused/, /Check access-key and secret-key/],
    calls: 1,
  },
  {
    name: 'a wrong password',
    request: { credentials: 'password', inputs: { password: 'Wrong!password1' } },
    says: [/sign-in refused.*username or password is wrong/s, /Check username, password and domain-name/],
    calls: 1,
  },
  { name: 'no credentials', request: { credentials: 'none' }, says: [/no credentials are given/, /fork/], calls: 0 },
  {
    name: 'an unknown project',
    request: { inputs: { project: 'eu-de_nope' } },
    says: [/project eu-de_nope\W+does not exist/, /Visible projects: .*eu-de_zitadel/],
    calls: 2,
  },
  {
    name: 'a Kubernetes version that CCE does not offer',
    request: { config: stackFile({ cluster: { version: 'v1.39' } }) },
    says: [/CCE does not offer Kubernetes v1\.39/],
    calls: 30,
  },
  {
    name: 'in one stack file: an unknown region, a flavor that RDS cannot have, a Kubernetes version that ZITADEL does not run on, subnets and a container network that overlap',
    request: {
      config: stackFile({
        region: 'eu-xx',
        database: { flavor: 'rds.pg.n1.huge.4.ha' },
        cluster: { version: 'v1.29', containerNetwork: { cidr: '10.20.128.0/17' } },
        network: { cidr: '10.20.0.0/16', subnets: { cluster: '10.20.0.0/20', database: '10.20.8.0/24' } },
      }),
    },
    says: [
      /region: "eu-xx" is not possible/,
      /eu-de, eu-nl or eu-ch2/,
      /database\.flavor: "rds\.pg\.n1\.huge\.4\.ha" is not right/,
      /rds\.pg\.n1\.large\.4\.ha/,
      /cluster\.version: ZITADEL's chart does not run on v1\.29/,
      /Use v1\.33/,
      /10\.20\.8\.0\/24 overlaps the cluster's subnet 10\.20\.0\.0\/20/,
      /10\.20\.128\.0\/17 overlaps/,
    ],
    lines: [/^region:/, /flavor: rds\.pg/, /version: v1\.29/, /database: 10\.20\.8\.0\/24/, /10\.20\.128\.0\/17/],
    calls: 0,
  },
  {
    name: 'a masterkey of another length',
    request: { inputs: { masterkey: 'twenty-bytes-of-text' } },
    says: [/masterkey has 20 bytes; ZITADEL needs exactly 32/],
    calls: 0,
  },
  {
    name: 'no stack-secret',
    request: { inputs: { 'stack-secret': '' } },
    says: [/deploy needs secrets that were not given: masterkey, database-password/, /Give the input stack-secret/],
    calls: 30,
  },
  {
    name: 'a version of helm without a known checksum',
    request: { inputs: { 'helm-version': '4.0.0' } },
    says: [/no checksum of helm 4\.0\.0 for linux-amd64 is known/, /helm-checksum/],
    calls: 0,
  },
  {
    name: 'Helm 3, and a checksum of kubectl that is not its version’s',
    request: { inputs: { 'helm-version': '3.19.0', 'helm-checksum': zeros, 'kubectl-checksum': zeros } },
    says: [
      /helm-version 3\.19\.0 is refused: support for Helm 3 ended/,
      /Use Helm 4/,
      /kubectl-checksum is not a sum of kubectl 1\.34\.5 for linux-amd64: [0-9a-f]{64} would be/,
      /Leave kubectl-checksum out/,
    ],
    calls: 0,
  },
  {
    name: 'a missing agency without consent',
    request: { config: stackFile({ consent: undefined }) },
    says: [/the agency cce_admin_trust is missing/, /consent: \{ agency: true \}/],
    calls: 30,
  },
  {
    name: 'all at once: used-up quotas, flavors and an image that are not on offer or sold out in one zone',
    request: {
      config: stackFile({
        cluster: { bastion: { flavor: 's9.medium.1', image: 'Standard_Slackware_3_latest' } },
      }),
    },
    switches: { 'quota:publicIp': 2, 'quota:cce.cluster': 0, 'sold-out:s3.large.4:eu-de-02': true },
    says: [
      /quota for elastic IPs is used up: 0 of 2, and 3 more are needed/,
      /quota for CCE clusters is used up: 0 of 0/,
      /Node flavor s3\.large\.4 is sold out or not offered in eu-de-02; of the same size there: /,
      /ECS does not know the flavor s9\.medium\.1; on offer in eu-de-01: s2\.medium\.1/,
      /no public image Standard_Slackware_3_latest/,
    ],
    calls: 35,
  },
  {
    name: 'a sub-zone that its parent, at a registrar, does not lead to',
    request: { command: 'check', config: stackFile({ domain: 'login.iam.example.com', dns: { zone: 'iam.example.com' } }) },
    switches: { 'delegation:iam.example.com': 'none' },
    says: [/the zone iam\.example\.com is not delegated to anybody/, /iam\.example\.com\. NS ns1\.open-telekom-cloud\.com\./],
    calls: 30,
  },
  {
    name: 'a key for the solver that does not exist',
    request: { command: 'check', inputs: { 'acme-access-key': 'NOSUCHKEYNOSUCHKEYAA', 'acme-secret-key': 'B'.repeat(40) } },
    says: [/cannot work with acme-access-key and acme-secret-key: sign-in refused: IAM: .*ak not exist/, /role DNS Administrator in project eu-de\b/],
    calls: 40,
  },
  {
    name: 'credentials that may only read',
    request: { credentials: 'reader' },
    says: [/403|not allowed|permission|policy/i],
    calls: 40,
  },
];

describe('a mistake that shows before anything is made', { timeout: 120_000 }, () => {
  let world: TestWorld;
  let empty: Census;

  before(async () => {
    world = await startWorld({ pace: 'instant' });
    empty = await census(world);
    await world.control.snapshot('empty');
  });
  afterEach(async () => {
    if (Object.keys(grown(empty, await census(world))).length > 0) await world.control.restore('empty');
  });
  after(async () => await world?.stop());

  for (const { name, request = {}, switches = {}, says, lines = [], calls } of mistakes) {
    it(name, async () => {
      await world.control.clearRequests();
      await world.control.edit({ switches });
      const config = request.config ?? stackFile();
      const result = await world.deploy({ ...request, config });
      await world.control.edit({ switches: Object.fromEntries(Object.keys(switches).map((id) => [id, null])) });

      assert.equal(result.exitCode, 1, result.log);
      assert.equal(result.outputs['result'], 'failed');
      const errors = result.annotations.filter(({ level }) => level === 'error');
      const messages = errors.map(({ message }) => message).join('\n');
      // Markdown makes links of addresses in text; the summary keeps it from that by writing them as code.
      const summary = result.summary.replaceAll(/[\u200b`]/g, '');
      for (const pattern of says) {
        assert.match(messages, pattern, 'in the annotations');
        assert.match(summary, pattern, 'in the summary');
      }
      const marked = errors.map((error) => (error.file === 'zitadel.yaml' ? config.split('\n')[(error.line ?? 0) - 1] : undefined));
      for (const line of lines)
        assert.ok(
          marked.some((text) => text !== undefined && line.test(text.trim())),
          `an annotation marks the line, not ${JSON.stringify(marked)}`,
        );
      const requests = cloudCalls(await world.control.requests());
      assert.ok(requests.length <= calls, `${requests.length} calls: ${requests.map(({ method, path }) => `${method} ${path}`).join(', ')}`);
      if (request.credentials !== 'reader') assert.deepEqual(writes(requests), [], 'no call that writes');
      assert.deepEqual(grown(empty, await census(world)), {}, 'nothing was made');
    });
  }

  it('a plan that is not the approved one any more: in which settings it differs is said, and nothing is written', async () => {
    const approved = await world.deploy({ command: 'plan', config: stackFile(), credentials: 'reader', inputs: { 'stack-secret': '' } });
    const inputs = { 'plan-digest': approved.outputs['plan-digest'] ?? '' };
    await world.control.clearRequests();
    const result = await world.deploy({ config: stackFile({ dns: { ttl: 60 } }), inputs });
    assert.equal(result.exitCode, 1, result.log);
    assert.match(
      result.annotations.map(({ message }) => message).join('\n'),
      /not the approved one any more[\s\S]*The stack file differs in: dns\.ttl\./,
    );
    assert.match(result.summary, /The stack file differs in: dns\.ttl\./);
    assert.deepEqual(writes(cloudCalls(await world.control.requests())), []);
    assert.deepEqual(grown(empty, await census(world)), {});
  });

  it('a domain whose parent points elsewhere: the zone is made, and the records to set are said, before database and cluster', async () => {
    await world.control.edit({ switches: { 'delegation:example.com': 'other' } });
    const result = await world.deploy();
    await world.control.edit({ switches: { 'delegation:example.com': null } });
    assert.equal(result.exitCode, 1);
    const messages = result.annotations.map(({ message }) => message).join('\n');
    assert.match(messages, /example\.com/);
    for (const server of ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'])
      assert.match(messages, new RegExp(`NS.*${server.replaceAll('.', '\\.')}`, 's'));
    assert.match(messages, /ns1\.registrar\.example/, 'what the parent says now');
    const made = grown(empty, await census(world));
    assert.equal(made['dns.zones'], 1);
    for (const table of ['rds.instances', 'cce.clusters', 'cce.nodepools', 'ecs.servers']) assert.equal(made[table], undefined, table);
    const [zone] = await world.control.table<{ readonly id: string; readonly name: string }>('dns.zones');
    assert.equal(zone?.name, 'example.com.');

    // What somebody has there for the domain is said before the rest is made as well.
    const [like] = await world.control.table<Row>('dns.recordsets');
    const theirs = { name: 'login.example.com.', type: 'A', records: ['198.51.100.7'], description: 'old IdP, do not touch', default: false };
    await world.control.edit({ tables: { 'dns.recordsets': { insert: [{ ...like, ...theirs, id: 'made-by-hand' }] } } });
    for (const command of ['check', 'plan', 'deploy']) {
      await world.control.clearRequests();
      const refused = await world.deploy({ command });
      assert.equal(refused.exitCode, 1, refused.log);
      const said = refused.annotations.map(({ message }) => message).join('\n');
      assert.match(said, /login\.example\.com\. already leads to 198\.51\.100\.7, by a record \(made-by-hand\) that was not made by this action/);
      assert.deepEqual(writes(cloudCalls(await world.control.requests())), [], command);
    }
    assert.deepEqual(grown(empty, await census(world)), { ...made, 'dns.recordsets': (made['dns.recordsets'] ?? 0) + 1 });
  });
});
