/**
 * `cluster.access: bastion`: helm, kubectl and the API client reach the private API server through SSH alone. The server is
 * OpenSSH's own, set up from the user data; whatever is wrong with it is named, and it is made anew without touching ZITADEL.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerRow } from '../../sandbox/otc/tables/compute.ts';
import type { PublicIpRow, SecurityGroupRuleRow } from '../../sandbox/otc/tables/network.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { Secret } from '../../src/secret.ts';
import { deriveSecrets } from '../../src/stack/secrets.ts';
import { bastionKeys, sshKey } from '../../src/stack/ssh-keys.ts';
import { stackFile } from '../harness/stack-file.ts';
import { type CommandResult, startWorld, type TestWorld } from '../harness/world.ts';

const throughBastion = (over: object = {}): string => stackFile({ cluster: { access: 'bastion', allow: ['192.0.2.0/24'] }, ...over });
const stackSecret = randomBytes(32).toString('base64');
const seed = deriveSecrets({ stackSecret: new Secret(stackSecret) }, { databaseRoot: 1, databaseUser: 1, admin: 1 }).bastionKeySeed;
assert.ok(seed);
const keys = bastionKeys(seed);

describe('cluster.access: bastion', { timeout: 580_000 }, () => {
  let world: TestWorld;
  let address: string;

  const deploy = (request: DeployRequest = {}): Promise<RunResult> =>
    world.deploy({ config: throughBastion(), ...request, inputs: { 'stack-secret': stackSecret, ...request.inputs } });
  const server = async (): Promise<ServerRow> => {
    const found = (await world.control.table<ServerRow>('ecs.servers')).find(({ name }) => name.startsWith('zitadel-sandbox-bastion-'));
    assert.ok(found, 'the bastion is there');
    return found;
  };
  const publicIp = async (): Promise<PublicIpRow> => {
    const found = (await world.control.table<PublicIpRow>('vpc.publicips')).find(({ alias }) => alias.startsWith('zitadel-sandbox-bastion-'));
    assert.ok(found, 'its EIP is there');
    return found;
  };
  /** Changes the server behind everybody's back; sshd is started anew with what its user data then says. */
  const tell = async (
    change: (config: { users: Record<string, unknown>[]; ssh_keys: Record<string, string> }) => void,
  ): Promise<() => Promise<void>> => {
    const { id, user_data } = await server();
    const config = JSON.parse(Buffer.from(user_data, 'base64').toString('utf8').replace('#cloud-config', ''));
    change(config);
    const update = (text: string) => world.control.edit({ tables: { 'ecs.servers': { update: { [id]: { user_data: text } } } } });
    await update(Buffer.from(`#cloud-config\n${JSON.stringify(config)}`).toString('base64'));
    await sshd();
    return async () => {
      await update(user_data);
      await sshd();
    };
  };
  /** Waits until sshd answers. */
  const sshd = async (): Promise<void> => {
    const scan = `for i in $(seq 50); do ssh-keyscan -T 1 -t ed25519 ${(await publicIp()).public_ip_address} 2>/dev/null | grep -q ed25519 && exit 0; sleep 0.1; done; exit 1`;
    assert.equal((await world.enter(['sh', '-c', scan])).exitCode, 0, 'sshd answers');
  };
  const ssh = (...args: readonly string[]): Promise<CommandResult> =>
    world.enter([
      ...['ssh', '-i', join(world.folder, 'client-key'), '-o', `UserKnownHostsFile=${join(world.folder, 'known-hosts')}`, '-o', 'BatchMode=yes'],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=5', ...args],
    ]);
  /** Kind, name and resource version of all that ZITADEL is made of. */
  const zitadel = async (): Promise<string> => {
    const { exitCode, stdout, stderr } = await world.inside([
      ...['kubectl', 'get', 'deployments,statefulsets,services,secrets,configmaps,jobs', '-n', 'zitadel', '-o'],
      'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\\n"}{end}',
    ]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const problems = ({ annotations }: RunResult): string =>
    annotations
      .filter(({ level }) => level === 'error')
      .map(({ message }) => message)
      .join('\n');
  /** As if it had been made long ago: a young one is waited for while it may be booting. */
  const age = async (): Promise<void> => {
    const { id } = await server();
    await world.control.edit({ tables: { 'ecs.servers': { update: { [id]: { created: '2026-01-01T10:00:00Z' } } } } });
  };

  before(async () => {
    world = await startWorld();
    const { exitCode, log, leftovers, orphans } = await deploy();
    assert.equal(exitCode, 0, log);
    assert.deepEqual([kept(leftovers), orphans], [[], []]);
    address = (await publicIp()).public_ip_address;
    await writeFile(join(world.folder, 'client-key'), keys.client.privateKey.open(), { mode: 0o600 });
    await writeFile(join(world.folder, 'known-hosts'), `${address} ssh-ed25519 ${keys.host.publicBlob}\n`);
    await age();
  });
  after(() => world?.stop());

  it('leaves the API server without a public address, and the bastion with the derived host key and SSH alone', async () => {
    const clusters = await world.control.table<{ id: string; external_address?: string }>('cce.clusters');
    assert.deepEqual(
      clusters.map(({ external_address }) => external_address ?? null),
      [null],
    );
    const { bound_to } = await publicIp();
    const ports = await world.control.table<{ id: string; security_groups: string[] }>('vpc.ports');
    const port = ports.find(({ id }) => id === bound_to?.id);
    const rules = (await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules')).filter(({ security_group_id }) =>
      port?.security_groups.includes(security_group_id),
    );
    const shown = rules.map((rule) => `${rule.direction} ${rule.protocol} ${rule.port_range_min}-${rule.port_range_max} ${rule.remote_ip_prefix}`);
    assert.match(
      shown.sort().join('\n'),
      /^egress tcp 5443-5443 10\.20\.\d+\.\d+\/32\negress tcp 80-80 169\.254\.169\.254\/32\ningress tcp 22-22 192\.0\.2\.0\/24$/,
    );
    const scanned = (await world.enter(['ssh-keyscan', '-T', '3', address])).stdout;
    assert.equal(scanned.trim(), `${address} ssh-ed25519 ${keys.host.publicBlob}`);
  });

  it('gives nobody a shell, a password, another account or another way than to the API server', async () => {
    const shell = await ssh(`tunnel@${address}`, 'id');
    assert.notEqual(shell.exitCode, 0);
    assert.doesNotMatch(shell.stdout, /uid/);
    assert.match((await ssh(`root@${address}`, 'id')).stderr, /Permission denied \(publickey\)/);
    const database = (await world.control.table<{ id: string; private_ips?: string[] }>('rds.instances'))[0];
    const target = `${database?.private_ips?.[0] ?? '10.20.16.2'}:5432`;
    assert.match((await ssh('-W', target, `tunnel@${address}`)).stderr, /administratively prohibited|stdio forwarding failed/);
    assert.match((await ssh('-v', '-o', 'PubkeyAuthentication=no', `tunnel@${address}`)).stderr, /Permission denied \(publickey\)/);
  });

  it('a second deploy, a plan and a drift run find nothing to change', async () => {
    for (const command of ['deploy', 'plan', 'drift']) {
      const { exitCode, log, outputs, took } = await deploy({ command });
      assert.equal(exitCode, 0, log);
      assert.equal(outputs['result'], 'unchanged', log);
      assert.match(log, /in sync, nothing to change/);
      assert.ok(took < 10_000, `${command} took ${took} ms`);
    }
  });

  it('without stack-secret a plan does not look into the cluster and says why', async () => {
    const { exitCode, log, summary } = await deploy({ command: 'plan', inputs: { 'stack-secret': '' } });
    assert.equal(exitCode, 0, log);
    assert.match(summary, /without the input stack-secret the bastion lets nobody in/);
  });

  it('a wrong host key ends the run before anything is sent', async () => {
    const other = sshKey(randomBytes(32));
    const restore = await tell(({ ssh_keys }) => {
      ssh_keys['ed25519_private'] = other.privateKey.open();
      ssh_keys['ed25519_public'] = other.publicLine;
    });
    const result = await deploy();
    assert.equal(result.exitCode, 1);
    assert.ok(problems(result).includes(`it shows ${other.fingerprint}, not ${keys.host.fingerprint}`), problems(result));
    await restore();
  });

  it('a wrong client key is named as such', async () => {
    const restore = await tell(({ users }) => {
      for (const user of users) user['ssh_authorized_keys'] = [sshKey(randomBytes(32)).publicLine];
    });
    const result = await deploy();
    assert.equal(result.exitCode, 1);
    assert.match(problems(result), /refuses the key of tunnel that is derived from stack-secret/);
    await restore();
  });

  it('an allow-list without this run is said within the time a handshake takes', async () => {
    const rules = await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules');
    const entrance = rules.find((rule) => rule.port_range_min === 22 && rule.remote_ip_prefix === '192.0.2.0/24');
    assert.ok(entrance);
    await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: [entrance.id] } } });
    const config = throughBastion({ cluster: { access: 'bastion', allow: ['198.51.100.0/24'] } });
    const result = await deploy({ config });
    assert.equal(result.exitCode, 1);
    assert.match(problems(result), /does not answer at [\d.]+:22[\s\S]*cluster\.allow/);
    assert.ok(result.took < 60_000, `${result.took} ms`);
    const mended = await deploy();
    assert.equal(mended.exitCode, 0, mended.log);
  });

  it('[runner] opens SSH for the run alone', async () => {
    const config = throughBastion({ cluster: { access: 'bastion', allow: ['runner'] } });
    const { exitCode, log } = await deploy({ config });
    assert.equal(exitCode, 0, log);
    assert.match(log, /port 22 is open for 192\.0\.2\.10/);
    const rules = await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules');
    assert.deepEqual(
      rules.filter((rule) => rule.port_range_min === 22 && rule.direction === 'ingress'),
      [],
    );
    const mended = await deploy();
    assert.equal(mended.exitCode, 0, mended.log);
  });

  it('deleted by hand, it is missed by plan and drift and made anew, and ZITADEL does not notice', async () => {
    const before = await zitadel();
    const { id, port_ids } = await server();
    const eip = await publicIp();
    await world.control.edit({
      tables: {
        'ecs.servers': { remove: [id] },
        'vpc.ports': { remove: port_ids },
        'vpc.publicips': { update: { [eip.id]: { bound_to: null, port_id: null, private_ip_address: null, status: 'DOWN' } } },
      },
    });
    const plan = await deploy({ command: 'plan' });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.match(plan.summary, /the bastion that leads to the cluster is not there/);
    assert.match(plan.outputs['changes'] ?? '', /bastion\/server/);
    const drift = await deploy({ command: 'drift' });
    assert.equal(drift.outputs['result'], 'drifted', drift.log);
    const { exitCode, log } = await deploy({ inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
    assert.equal(exitCode, 0, log);
    assert.equal(await zitadel(), before);
    assert.equal((await publicIp()).public_ip_address, address, 'the address stays');
    await age();
  });

  it('a tunnel cut in the middle of "helm upgrade --wait" is mended; a request that was under way is named, and a second run goes on', async () => {
    const config = throughBastion({ zitadel: { replicas: 2 } });
    const running = deploy({ config });
    const { id } = await server();
    const set = (status: string) => world.control.edit({ tables: { 'ecs.servers': { update: { [id]: { status } } } } });
    await waitFor(async () => (await world.inside(['kubectl', 'get', 'secrets', '-n', 'zitadel', '-o', 'name'])).stdout.includes('zitadel.v2'));
    await set('SHUTOFF');
    await set('ACTIVE');
    const { exitCode, log } = await running;
    if (exitCode !== 0) {
      assert.match(log, /The tunnel through the bastion was cut while this ran/);
      const next = await deploy({ config });
      assert.equal(next.exitCode, 0, next.log);
    }
    const again = await deploy({ config });
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });

  it('a killed run leaves nothing behind: no process, no file, no open port', async () => {
    const { signal, leftovers, orphans } = await deploy({ stop: { by: 'SIGKILL', at: { line: 'Credentials for the cluster' } } });
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual([kept(leftovers), orphans], [[], []]);
  });

  it('to an address of its own and back, without touching ZITADEL; the certificate is waited for', async () => {
    const mended = await deploy();
    assert.equal(mended.exitCode, 0, mended.log);
    const before = await zitadel();
    const eip = stackFile({ cluster: { access: 'eip', allow: ['192.0.2.0/24'] } });
    const there = await deploy({ config: eip });
    assert.equal(there.exitCode, 0, there.log);
    assert.equal((await world.control.table<ServerRow>('ecs.servers')).filter(({ name }) => name.includes('bastion')).length, 0);
    assert.equal((await deploy({ config: eip })).outputs['result'], 'unchanged');
    const back = await deploy();
    assert.equal(back.exitCode, 0, back.log);
    assert.equal((await deploy()).outputs['result'], 'unchanged');
    assert.equal(await zitadel(), before);
    assert.deepEqual((await world.control.table<PublicIpRow>('vpc.publicips')).map(({ alias }) => alias.split('-')[2]).sort(), [
      'bastion',
      'elb',
      'nat',
    ]);
    await age();
  });

  it('keep: false has it only while a deploy needs it, which plan and drift find right', async () => {
    const config = throughBastion({ cluster: { access: 'bastion', allow: ['192.0.2.0/24'], bastion: { keep: false } } });
    const bastions = async (): Promise<number> =>
      (await world.control.table<ServerRow>('ecs.servers')).filter(({ name }) => name.includes('bastion')).length +
      (await world.control.table<PublicIpRow>('vpc.publicips')).filter(({ alias }) => alias.includes('bastion')).length;
    for (const turn of ['first', 'second']) {
      const { exitCode, log, outputs } = await deploy({ config });
      assert.equal(exitCode, 0, log);
      assert.equal(outputs['result'], 'unchanged', `${turn}: ${log}`);
      assert.equal(await bastions(), 0);
    }
    const plan = await deploy({ config, command: 'plan' });
    const drift = await deploy({ config, command: 'drift' });
    for (const { log, summary, outputs } of [plan, drift]) {
      assert.equal(outputs['result'], 'unchanged', log);
      assert.match(summary, /is there only while a deploy needs it/);
    }
    const approved = await deploy({ config, inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
    assert.equal(approved.exitCode, 0, approved.log);
    const mended = await deploy();
    assert.equal(mended.exitCode, 0, mended.log);
    await age();
  });

  it('private: from outside it says in seconds what is wrong', async () => {
    const result = await deploy({ command: 'plan', config: stackFile({ cluster: { access: 'private', allow: ['192.0.2.0/24'] } }) });
    assert.equal(result.exitCode, 1);
    assert.match(problems(result), /cannot be reached at its private address 10\.20\.[\d.]+:5443[\s\S]*self-hosted runner/);
    assert.ok(result.took < 40_000, `${result.took} ms`);
  });

  it('destroy goes through the tunnel, and takes the bastion away last', async () => {
    const { exitCode, log } = await deploy({ command: 'destroy', inputs: { 'confirm-destroy': 'zitadel-sandbox' } });
    assert.equal(exitCode, 0, log);
    assert.deepEqual(await world.control.table('ecs.servers'), []);
    const left = (await world.control.table<PublicIpRow>('vpc.publicips')).map(({ alias }) => alias);
    assert.deepEqual(left, []);
  });
});

/** Files in RUNNER_TEMP besides the report, which is an output. */
const kept = (leftovers: Readonly<Record<string, string>>): string[] =>
  Object.keys(leftovers).filter((name) => !/^zitadel-on-otc-[\w-]+\.json$/.test(name));

async function waitFor(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await what()) return;
    await sleep(100);
  }
  throw new Error('waited a minute in vain');
}
