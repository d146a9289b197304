/**
 * Who writes the domain's A record may change on a living stack: this action, external-dns in the cluster, the user. Each
 * change is watched at the zone's own name server every 100 milliseconds: never an empty answer, never a wrong one. At last the
 * domain itself changes.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { type Answers, answersDuring } from '../harness/answers.ts';
import { objects, secretData } from '../harness/cluster.ts';
import { deployedWorld } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, verdictOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';
import { expectOutside } from './expect/cluster.ts';

interface RecordRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly records: readonly string[];
  readonly description: string;
  readonly status: string;
}

const folder = process.env['ACTION_FOLDER'];
const action: Pick<DeployRequest, 'action'> = folder === undefined ? {} : { action: { folder } };
const domain = 'login.example.com';
const consent = { destroy: { database: true } };
let world: TestWorld;
let address: string;
/** Of the controller's user, as it is now. */
let password: string;

const user = (): Record<string, string> => ({
  'external-dns-username': world.env['OS_USERNAME'] ?? '',
  'external-dns-password': password,
  'external-dns-domain-name': world.env['OS_USER_DOMAIN_NAME'] ?? '',
});
const run = async (records: string, more: DeployRequest = {}): Promise<RunResult> => {
  const result = await world.deploy({
    ...action,
    config: stackFile({ dns: { records }, ...consent }),
    ...more,
    inputs: { ...user(), ...more.inputs },
  });
  assert.equal(result.exitCode, 0, result.log);
  assert.deepEqual(await world.control.oddities(), []);
  return result;
};
const recordsOf = async (type: string): Promise<RecordRow[]> =>
  (await world.control.table<RecordRow>('dns.recordsets')).filter((row) => row.type === type && row.name.endsWith(`${domain}.`));
const onlyRightAnswers = ({ asked, seen }: Answers): void => {
  assert.ok(asked > 20, `asked ${asked} times only`);
  assert.deepEqual(seen, { [address]: asked });
};
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + 30_000; !(await holds()); await sleep(200)) assert.ok(Date.now() < deadline, `${what}: not within 30 s`);
};

before(async () => {
  world = await deployedWorld();
  password = world.env['OS_PASSWORD'] ?? '';
  address = (await recordsOf('A'))[0]?.records.join() ?? '';
  assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
});
after(async () => await world?.stop());

describe('from this action to external-dns', { timeout: 240_000 }, () => {
  it('the measurement notices a record that is wrong or missing', async () => {
    const [record] = await recordsOf('A');
    const other = { records: ['192.0.2.99'], served: { ttl: 300, records: ['192.0.2.99'] } };
    const { seen } = await answersDuring(world, domain, async () => {
      await world.control.edit({ tables: { 'dns.recordsets': { update: { [record?.id ?? '']: other } } } });
      await sleep(400);
      await world.control.edit({ tables: { 'dns.recordsets': { remove: [record?.id ?? ''] } } });
      await sleep(400);
      await world.control.edit({ tables: { 'dns.recordsets': { insert: [record] } } });
    });
    assert.ok((seen['192.0.2.99'] ?? 0) > 0 && ((seen['ENOTFOUND'] ?? 0) > 0 || (seen['ENODATA'] ?? 0) > 0), JSON.stringify(seen));
  });

  it('tries a wrong password once, and hands nothing over', async () => {
    await world.control.clearRequests();
    const config = stackFile({ dns: { records: 'external-dns' }, ...consent });
    const result = await world.deploy({ ...action, config, inputs: { ...user(), 'external-dns-password': 'not-its-password' } });
    assert.equal(result.exitCode, 1);
    assert.match(result.log, /external-dns cannot work as the user/);
    assert.match(result.log, /Check external-dns-username, external-dns-password/);
    assert.doesNotMatch(result.log, /not-its-password/);
    const signIns = (await world.control.requests()).filter(
      ({ method, path, status }) => method === 'POST' && path === '/v3/auth/tokens' && status === 401,
    );
    assert.equal(signIns.length, 1, 'more would lock the user');
    assert.deepEqual(await recordsOf('TXT'), []);
  });

  it('hands the record over in place', async () => {
    const [before] = await recordsOf('A');
    const answers = await answersDuring(world, domain, async () => {
      await run('external-dns');
      // Several rounds of the controller on top.
      await sleep(8000);
    });
    onlyRightAnswers(answers);
    const [after] = await recordsOf('A');
    assert.equal(after?.id, before?.id, 'the same record set');
    const [mark, ...more] = await recordsOf('TXT');
    assert.equal(mark?.name, `extdns-a.${domain}.`);
    assert.match(
      mark?.records[0] ?? '',
      /^"heritage=external-dns,external-dns\/owner=zitadel-sandbox-dns-[0-9a-f]{6},external-dns\/resource=ingress\/zitadel\/zitadel"$/,
    );
    assert.deepEqual(more, []);
  });

  it('gives the controller credentials of its own, by clouds.yaml alone', async () => {
    const { 'clouds.yaml': text = '' } = await secretData(world, 'external-dns', 'zitadel-external-dns-clouds');
    assert.match(text, /auth_url: https:\/\/iam\.eu-de\.otc\.t-systems\.com\/v3/);
    assert.match(text, /project_name: eu-de\n/);
    assert.ok(text.includes(password));
  });

  it('finds nothing to do the next time', async () => {
    assert.equal((await run('external-dns')).outputs['result'], 'unchanged');
  });

  it('starts the controller anew where its credentials changed', async () => {
    const pod = async (): Promise<string[]> =>
      (await objects(world, 'pods')).filter(({ metadata }) => metadata.namespace === 'external-dns').map(({ metadata }) => metadata.name);
    const before = await pod();
    const [row] = (await world.control.table<{ id: string; name: string }>('iam.users')).filter(({ name }) => name === world.env['OS_USERNAME']);
    password = 'Another-password-1';
    await world.control.edit({ tables: { 'iam.users': { update: { [row?.id ?? '']: { password } } } } });
    onlyRightAnswers(await answersDuring(world, domain, async () => void (await run('external-dns'))));
    await until('another pod', async () => (await pod()).every((name) => !before.includes(name)));
  });

  it('leaves the record to the controller, which mends it with them', async () => {
    const [record] = await recordsOf('A');
    const wrong = { records: ['192.0.2.99'], served: { ttl: 300, records: ['192.0.2.99'] } };
    await world.control.edit({ tables: { 'dns.recordsets': { update: { [record?.id ?? '']: wrong } } } });
    await until('the controller mends the record', async () => {
      const [now] = await recordsOf('A');
      return now?.records.join() === address && now.status === 'ACTIVE';
    });
  });
});

describe('from external-dns back to this action', { timeout: 240_000 }, () => {
  it('takes the record back in place', async () => {
    const [before] = await recordsOf('A');
    onlyRightAnswers(await answersDuring(world, domain, async () => void (await run('direct'))));
    const [after] = await recordsOf('A');
    assert.deepEqual([after?.id, after?.records], [before?.id, [address]]);
    assert.match(after?.description ?? '', /^Managed by zitadel-on-otc/);
    assert.deepEqual(await recordsOf('TXT'), []);
    const { exitCode } = await world.enter(['kubectl', 'get', 'namespace', 'external-dns']);
    assert.equal(exitCode, 1, 'the controller’s namespace is gone');
  });

  it('finds nothing to do the next time', async () => {
    assert.equal((await run('direct')).outputs['result'], 'unchanged');
  });
});

describe('a record in the user’s hands', { timeout: 240_000 }, () => {
  it('is named, checked, and never touched', async () => {
    const before = await recordsOf('A');
    let result: RunResult | undefined;
    onlyRightAnswers(
      await answersDuring(world, domain, async () => {
        result = await run('existing');
        await sleep(2500);
      }),
    );
    assert.match(result?.summary ?? '', new RegExp(`${domain.replaceAll('.', '\\.')}\\. 300 IN A ${address.replaceAll('.', '\\.')}`));
    assert.deepEqual(await recordsOf('A'), before);
    assert.equal((await run('existing')).outputs['result'], 'unchanged');
  });
});

describe('another domain', { timeout: 300_000 }, () => {
  const config = stackFile({ domain: 'id.example.com', dns: { records: 'external-dns' }, ...consent });
  const names = async (): Promise<string[]> =>
    (await world.control.table<RecordRow>('dns.recordsets')).filter(({ type }) => type === 'A' || type === 'TXT').map(({ name }) => name);

  it('that gets no certificate: the run says why, and the former one is served on, by its record and with its certificate', async () => {
    const problem = { type: 'urn:ietf:params:acme:error:rateLimited', detail: 'Error creating new order :: too many new orders recently' };
    await world.control.faults([{ service: 'acme', path: '/acme/new-order', count: 0, act: { kind: 'answer', status: 429, body: problem } }]);
    let red: RunResult | undefined;
    onlyRightAnswers(
      await answersDuring(world, domain, async () => {
        red = await world.deploy({ ...action, config, inputs: user() });
      }),
    );
    await world.control.faults([]);
    assert.ok(red !== undefined);
    assert.equal(red.exitCode, 1, red.log);
    assert.match(
      errorsOf(red),
      /Certificate zitadel\/zitadel-tls was not issued: .*429 urn:ietf:params:acme:error:rateLimited.* too many new orders/,
    );
    assert.match(errorsOf(red), /Let's Encrypt's limit is reached/);
    assert.deepEqual([verdictOf(red, 'certificates/certificate'), verdictOf(red, 'zitadel/release')], ['failed', 'blocked']);
    await expectOutside(world, domain);
  });

  it('serves the new domain by a record of the controller, then takes the former one away; the first login keeps its name', async () => {
    const { log, outputs } = await run('external-dns', { config });
    assert.deepEqual((await names()).sort(), ['extdns-a.id.example.com.', 'id.example.com.']);
    const record = (await world.control.table<RecordRow>('dns.recordsets')).find(({ name, type }) => name === 'id.example.com.' && type === 'A');
    assert.deepEqual([record?.records, record?.description], [[address], '']);
    assert.match(log, /##\[warning\]\S*zitadel\.yaml:3:1: domain is id\.example\.com and ZITADEL is served under login\.example\.com/);
    assert.deepEqual([outputs['url'], outputs['login-name']], ['https://id.example.com', `zitadel-admin@zitadel.${domain}`]);
    await expectOutside(world, 'id.example.com');
  });

  it('goes with its record at destroy, controller first', async () => {
    await run('external-dns', { config, command: 'destroy', inputs: { 'confirm-destroy': 'zitadel-sandbox' } });
    assert.deepEqual(await names(), []);
  });
});
