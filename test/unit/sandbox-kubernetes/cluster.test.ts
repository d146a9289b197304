/** Real control planes with stand-ins for nodes, as `scenario.ts` saw them in a network namespace of its own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { controlPlaneBinaries } from '../../../sandbox/kubernetes/binaries.ts';
import type { ProgramSeen } from './scenario-program.ts';

interface Seen {
  readonly secondsToNodes: number;
  readonly secondsToUse: number;
  readonly nodes: readonly { readonly zone: string; readonly ready: string; readonly taints?: unknown }[];
  readonly webNodes: readonly string[];
  readonly nodePort: string;
  readonly mountWaits: string;
  readonly broken: { readonly exitCode: number; readonly reason: string };
  readonly taskLog: string;
  readonly taskMessage: string;
  readonly webLog: string;
  readonly events: readonly string[];
  readonly exec: readonly (readonly string[])[];
  readonly extension: { readonly groupVersion: string };
  readonly program: ProgramSeen;
  readonly secondsToSave: number;
  readonly secondsToLoad: number;
  readonly sameWebs: boolean;
  readonly laterIsThere: boolean;
  readonly webAfterLoad: string;
  readonly secondLog: string;
  readonly addressesLeft: readonly string[];
  readonly processesLeft: readonly string[];
  readonly defects: readonly string[];
}

describe('clusters', { timeout: 900_000 }, () => {
  let folder: string;
  let seen: Seen;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clusters-'));
    const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'zitadel-on-otc');
    await controlPlaneBinaries(cache, (line) => console.log(line));
    const file = join(folder, 'seen.json');
    const scenario = join(dirname(fileURLToPath(import.meta.url)), 'scenario.ts');
    const namespaces = process.getuid?.() === 0 ? '-nmpf' : '-Urnmpf';
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = [namespaces, '--mount-proc', '--kill-child', process.execPath, scenario, file];
    await promisify(execFile)('unshare', args, { env, timeout: 240_000 });
    seen = JSON.parse(await readFile(file, 'utf8')) as Seen;
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const event = (text: string) => assert.ok(seen.events.includes(text), `${text}\nis not among\n${seen.events.join('\n')}`);

  test('are there within seconds, with ready nodes in their zones', () => {
    assert.deepEqual(seen.nodes, [
      { zone: 'eu-de-01', ready: 'True' },
      { zone: 'eu-de-02', ready: 'True' },
      { zone: 'eu-de-03', ready: 'True' },
    ]);
    assert.ok(seen.secondsToUse < 30, `${seen.secondsToUse} s`);
  });

  test('run deployments, spread over nodes; services and node ports lead to ready pods', () => {
    assert.deepEqual(seen.webNodes, ['10.1.1.1', '10.1.1.2']);
    assert.match(seen.nodePort, /^one /);
    assert.equal(seen.webLog, 'args default $(NAME)\n');
  });

  test('a job waits for its Secret key, then reads it, its mounted files, the API with its own rights, names, and a service from its own address', () => {
    const [, own] = /to (\S+)\n$/.exec(seen.taskLog) ?? [];
    assert.equal(seen.taskLog, `key of thirty-two bytes, file content\npods 403\npublic 203.0.113.9\nweb says one ${own} to ${own}\n`);
    assert.equal(seen.taskMessage, 'all done');
    const name = seen.events.find((text) => /^task-\S+ Scheduled/.test(text))?.split(' ')[0];
    event(`${name} Failed Error: couldn't find key masterkey in Secret default/keys`);
  });

  test('a missing Secret keeps a volume from being mounted', () => {
    assert.equal(seen.mountWaits, 'ContainerCreating');
    event('mount FailedMount MountVolume.SetUp failed for volume "ca" : secret "nope" not found');
  });

  test('images: unknown ones and nodes without egress', () => {
    const unknown =
      'failed to pull and unpack image "quay.io/some/thing:1": failed to resolve reference "quay.io/some/thing:1": quay.io/some/thing:1: not found';
    event(`unknown Failed Failed to pull image "quay.io/some/thing:1": ${unknown}`);
    event('unknown Failed Error: ImagePullBackOff');
    assert.ok(seen.events.some((text) => /^inside Failed .*dial tcp [\d.]+:443: i\/o timeout$/.test(text)));
  });

  test('pods that fit nowhere say why', () => {
    const tail = 'preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
    event(`nowhere FailedScheduling 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. ${tail}`);
    event(`huge FailedScheduling 0/3 nodes are available: 3 Insufficient cpu. ${tail}`);
  });

  test('a failing container is started again, later and later', () => {
    assert.equal(seen.broken.exitCode, 3);
    assert.equal(seen.broken.reason, 'Error');
    assert.ok(seen.events.some((text) => text.startsWith('broken BackOff Back-off restarting failed container=main pod=broken_default(')));
  });

  test('exec answers with output and exit code', () => {
    assert.deepEqual(seen.exec[0], ['1 true', '3 {"metadata":{},"status":"Success"}']);
    assert.match(seen.exec[1]?.[1] ?? '', /"reason":"NonZeroExitCode".*"message":"3"/);
  });

  test('an API served by a pod is reached through the API server', () => {
    assert.equal(seen.extension.groupVersion, 'ext.example.com/v1');
  });

  test('a real program sees its container: address, name, arguments, environment, volumes; services lead to it and from it', () => {
    const { first, podIP } = seen.program;
    assert.deepEqual(first['args'], ['one', 'default', 'two']);
    assert.deepEqual([first['name'], first['host'], first['cwd'], first['hostname']], ['default', '10.247.0.1', '/data', 'program']);
    assert.equal(first['address'], podIP);
    assert.notEqual(podIP, '');
    assert.deepEqual([first['secret'], first['one'], first['writeSecret']], ['of thirty-two bytes', 'content', 'EROFS']);
    assert.match(String(first['web']), /^one /, 'the name of a service leads to its pods');
    assert.ok((first['pid'] as number) < 10, 'it has its own process numbers');
  });

  test('a real program that is not alive is asked to end, hook first, and started again on the same emptyDir', () => {
    const { second, last, logs } = seen.program;
    assert.deepEqual([second['starts'], second['stopping']], [2, 'asked']);
    assert.deepEqual([last.terminated?.exitCode, last.terminated?.reason], [7, 'Error']);
    assert.deepEqual(logs, ['serving\ntold to end\n', 'serving\n']);
  });

  test('a real program that fails ends its pod with its exit code; nothing of it stays', () => {
    assert.deepEqual(seen.program.failed, { phase: 'Failed', exitCode: 5, log: 'cannot go on\n' });
    assert.deepEqual(seen.program.linksLeft, []);
  });

  test('a saved state comes back: in the running room, and in one that starts from the files', () => {
    assert.equal(seen.laterIsThere, false);
    assert.equal(seen.sameWebs, true);
    assert.match(seen.webAfterLoad, /^one /);
    assert.ok(seen.secondsToSave < 2 && seen.secondsToLoad < 2, `${seen.secondsToSave} s, ${seen.secondsToLoad} s`);
  });

  test('two clusters with the same ranges keep to themselves', () => {
    assert.match(seen.secondLog, /web says two /);
  });

  test('nothing is left behind, and nothing went wrong on the way', () => {
    assert.deepEqual(seen.addressesLeft, []);
    assert.deepEqual(seen.processesLeft, []);
    assert.deepEqual(seen.defects, []);
  });
});
