/**
 * `cluster.access: bastion`, the default: helm, kubectl and the API client reach the private API server through SSH alone.
 * The server is OpenSSH's own, set up from the user data. Who gets in, what is said of who does not; a living bastion's
 * changes are in `access-changes.test.ts`.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { SecurityGroupRuleRow } from '../../sandbox/otc/tables/network.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { sshKey } from '../../src/stack/ssh-keys.ts';
import { type Bastion, bastionIn, keysOf } from '../harness/bastion.ts';
import { deployedWorld, stackSecret } from '../harness/deployed.ts';
import { isRecord, rowOf, update } from '../harness/hands.ts';
import type { IdleRequest, IdleSeen } from '../harness/idle-tunnel.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf } from '../harness/telling.ts';
import type { CommandResult, TestWorld } from '../harness/world.ts';

const keys = keysOf(stackSecret);

describe('the bastion', { timeout: 300_000 }, () => {
  let world: TestWorld;
  let bastion: Bastion;
  let address: string;

  const deploy = (request: DeployRequest = {}): Promise<RunResult> =>
    world.deploy({ ...request, inputs: { 'stack-secret': stackSecret, ...request.inputs } });
  const ssh = (...args: readonly string[]): Promise<CommandResult> =>
    world.enter([
      ...['ssh', '-i', join(world.folder, 'client-key'), '-o', `UserKnownHostsFile=${join(world.folder, 'known-hosts')}`, '-o', 'BatchMode=yes'],
      ...['-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=5', ...args],
    ]);

  before(async () => {
    world = await deployedWorld('instant');
    bastion = bastionIn(world);
    address = (await bastion.publicIp()).public_ip_address;
    await writeFile(join(world.folder, 'client-key'), keys.client.privateKey.open(), { mode: 0o600 });
    await writeFile(join(world.folder, 'known-hosts'), `${address} ssh-ed25519 ${keys.host.publicBlob}\n`);
  });
  after(() => world?.stop());

  it('leaves the API server without a public address, and the bastion with the derived host key and SSH alone', async () => {
    const clusters = await world.control.table<{ id: string; external_address?: string }>('cce.clusters');
    assert.deepEqual(
      clusters.map(({ external_address }) => external_address ?? null),
      [null],
    );
    const { bound_to } = await bastion.publicIp();
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

  it('leaves people who look around in the sandbox their own way to the cluster, and nobody else', async () => {
    const pods = await world.enter(['kubectl', 'get', 'pods', '-n', 'zitadel', '-o', 'name']);
    assert.match(pods.stdout, /^pod\/zitadel-/, pods.stderr);
    const direct = await world.enter(['sh', '-c', 'curl -sk -m 2 $(kubectl config view -o "jsonpath={.clusters[0].cluster.server}")/version']);
    assert.notEqual(direct.exitCode, 0);
    const unknown = await world.enter(['sh', '-c', 'curl -sk -m 2 -x http://198.18.0.4:3128 https://10.20.0.2:5443/version']);
    assert.notEqual(unknown.exitCode, 0);
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

  it('a plan finds nothing to change, says what it costs, and leaves nothing behind', async () => {
    const { exitCode, log, outputs, summary, took, leftovers, orphans } = await deploy({ command: 'plan' });
    assert.equal(exitCode, 0, log);
    const kept = Object.keys(leftovers).filter((name) => !/^zitadel-on-otc-[\w-]+\.json$/.test(name));
    assert.deepEqual([kept, orphans], [[], []]);
    assert.equal(outputs['result'], 'unchanged', log);
    assert.match(log, /in sync, nothing to change/);
    assert.match(summary, /s3\.medium\.1, list price about 0\.05 EUR an hour/, 'what it costs while it is kept');
    assert.ok(took < 10_000, `${took} ms`);
  });

  it('without stack-secret a plan does not look into the cluster and says why; a deploy accepts that plan', async () => {
    const { exitCode, log, summary, outputs } = await deploy({ command: 'plan', inputs: { 'stack-secret': '' } });
    assert.equal(exitCode, 0, log);
    assert.match(summary, /without the input stack-secret the bastion lets nobody in/);
    const approved = await deploy({ inputs: { 'plan-digest': outputs['plan-digest'] ?? '' } });
    assert.equal(approved.exitCode, 0, approved.log);
    const record = await rowOf(world, 'dns.recordsets', isRecord);
    await update(world, 'dns.recordsets', record.id, { ttl: 60 });
    const changed = await deploy({ inputs: { 'plan-digest': outputs['plan-digest'] ?? '' } });
    await update(world, 'dns.recordsets', record.id, { ttl: record['ttl'] });
    // What is different stands first; what that plan could not know is one line behind it.
    assert.match(
      errorsOf(changed),
      /approved one any more: .*\ndns\/record: approved unchanged, now update\ndns\/record ttl: .*\nNot known when it was approved, now unchanged: .*zitadel\/release/,
    );
  });

  it('a wrong host key ends the run before anything is sent', async () => {
    const other = sshKey(randomBytes(32));
    const restore = await bastion.tell(({ ssh_keys }) => {
      ssh_keys['ed25519_private'] = other.privateKey.open();
      ssh_keys['ed25519_public'] = other.publicLine;
    });
    const result = await deploy();
    assert.equal(result.exitCode, 1);
    assert.ok(errorsOf(result).includes(`it shows ${other.fingerprint}, not ${keys.host.fingerprint}`), errorsOf(result));
    await restore();
  });

  it('a wrong client key is named as such', async () => {
    const restore = await bastion.tell(({ users }) => {
      for (const user of users) user['ssh_authorized_keys'] = [sshKey(randomBytes(32)).publicLine];
    });
    const result = await deploy();
    assert.equal(result.exitCode, 1);
    assert.match(errorsOf(result), /refuses the key of tunnel that is derived from stack-secret/);
    await restore();
  });

  it('ten idle minutes are survived behind a gateway that forgets after four; beyond its own limit sshd ends what was forgotten', async () => {
    // A clock that is 200 times as fast; sshd's own limit stands in its settings, in seconds then.
    const scale = 200;
    const [cluster] = await world.control.table<{ id: string; internal_address: string }>('cce.clusters');
    const request: IdleRequest = {
      bastion: { host: address, user: 'tunnel', clientKey: keys.client.privateKey.open(), hostKey: keys.host.publicBlob },
      target: { host: cluster?.internal_address ?? '', port: 5443 },
      ...{ keepalive: 15 / scale, forgets: 240 / scale, idle: 600 / scale },
    };
    const idling = async (limitMinutes: number): Promise<IdleSeen> => {
      const seconds = Math.ceil((limitMinutes * 60) / scale);
      const undo = await bastion.tell((config) => {
        const [, idle] = config.write_files;
        assert.match(idle?.content ?? '', /^ChannelTimeout direct-tcpip=\d+m\nUnusedConnectionTimeout \d+m\n$/);
        if (idle !== undefined) idle.content = `ChannelTimeout direct-tcpip=${seconds}s\nUnusedConnectionTimeout ${seconds}s\n`;
      });
      try {
        const program = [process.execPath, join(import.meta.dirname, '../harness/idle-tunnel.ts')];
        const { exitCode, stdout, stderr } = await world.enter(program, { input: JSON.stringify(request) });
        assert.equal(exitCode, 0, stderr);
        return JSON.parse(stdout) as IdleSeen;
      } finally {
        await undo();
      }
    };
    const survived = await idling(60);
    assert.match(survived.after ?? 'ended', /^HTTP\/1\.1 (200|401|403)/);
    assert.equal(survived.forgotten, 0);
    const ended = await idling(5);
    assert.equal(ended.after, undefined, 'sshd has ended the silent connection');
    assert.match(ended.anew, /^HTTP\/1\.1 (200|401|403)/, 'and the next one is made anew');
  });

  it('an allow-list without this run is said within the time a handshake takes', async () => {
    const entrance = (await bastion.entrances()).find((rule) => rule.remote_ip_prefix === '192.0.2.0/24');
    assert.ok(entrance);
    await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: [entrance.id] } } });
    const result = await deploy({ config: stackFile({ cluster: { allow: ['198.51.100.0/24'] } }) });
    assert.equal(result.exitCode, 1);
    assert.match(errorsOf(result), /does not answer at [\d.]+:22[\s\S]*cluster\.allow/);
    assert.ok(result.took < 30_000, `${result.took} ms`);
  });

  it('[runner] opens SSH for the run alone', async () => {
    const { exitCode, log } = await deploy({ config: stackFile({ cluster: { allow: ['runner'] } }) });
    assert.equal(exitCode, 0, log);
    assert.match(log, /port 22 is open for 192\.0\.2\.10/);
    assert.deepEqual(await bastion.entrances(), []);
  });
});
