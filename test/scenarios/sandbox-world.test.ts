/**
 * The sandbox itself: names, certificates, networks, the runner's treatment of an action, faults, snapshots, the end. The
 * action's place is taken by a small script here; what the real one does is the other scenarios' subject.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startWorld, type TestWorld } from '../harness/world.ts';

const sandbox = join(import.meta.dirname, '../../scripts/sandbox.mjs');
/** Command lines of running processes that name a folder. */
const processesOf = (folder: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(commandLine)
    .filter((line) => line.includes(folder));

/** Empty where the process ended meanwhile. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
const iam = 'https://iam.eu-de.otc.t-systems.com/v3';

describe('a world', { timeout: 120_000 }, () => {
  let world: TestWorld;
  let scripts: string;

  before(async () => {
    scripts = await mkdtemp(join(tmpdir(), 'zoo-scripts-'));
    world = await startWorld({ pace: 'instant' });
  });
  after(async () => {
    await world?.stop();
    await rm(scripts, { recursive: true, force: true });
  });

  const script = async (name: string, text: string): Promise<{ readonly script: string }> => {
    const file = join(scripts, `${name}.mjs`);
    await writeFile(file, text);
    return { script: file };
  };
  const curl = async (...args: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string }> =>
    await world.enter(['curl', '-sS', '--max-time', '3', ...args]);

  it('answers under true host names with certificates of its own authority, from a public source address', async () => {
    const { exitCode, stdout } = await curl('-o', '/dev/null', '-w', '%{http_code} %{ssl_verify_result}', iam);
    assert.equal(exitCode, 0);
    assert.equal(stdout, '200 0');
    const seen = (await world.control.requests()).find(({ path }) => path === '/v3');
    assert.match(seen?.source ?? '', /^192\.0\.2\.10:\d+$/);
  });

  it('knows no other hosts and lets nothing reach private addresses from outside', async () => {
    assert.equal((await curl('https://www.t-systems.com/')).exitCode, 6, 'could not resolve');
    const start = Date.now();
    assert.equal((await curl('http://10.1.2.3/')).exitCode, 28, 'timed out');
    assert.ok(Date.now() - start >= 2900, 'dropped silently, not refused');
  });

  it('serves the real helm and kubectl with their checksums, and no other versions', async () => {
    const version = (await world.enter(['helm', 'version', '--template', '{{.Version}}'])).stdout.trim();
    const sum = (await curl(`https://get.helm.sh/helm-${version}-linux-amd64.tar.gz.sha256sum`)).stdout;
    const check = await world.enter([
      'sh',
      '-c',
      `cd $(mktemp -d) && curl -sSO https://get.helm.sh/helm-${version}-linux-amd64.tar.gz && printf %s '${sum}' | sha256sum -c - && tar xzf *.gz && ./linux-amd64/helm version --short`,
    ]);
    assert.match(check.stdout, new RegExp(`OK\\n${version.replaceAll('.', '\\.')}`));
    assert.equal((await curl('-o', '/dev/null', '-w', '%{http_code}', 'https://get.helm.sh/helm-v4.0.0-linux-amd64.tar.gz')).stdout, '404');
    assert.equal((await curl('-L', 'https://dl.k8s.io/release/stable.txt')).stdout.startsWith('v1.'), true);
  });

  it('lets the real helm pull charts from its OCI registries, with tokens as they ask for them', async () => {
    const pull = 'cd $(mktemp -d) && helm pull "$0" --version "$1" && sha256sum *.tgz';
    for (const [chart, version] of [
      ['oci://docker.io/envoyproxy/gateway-helm', 'v1.9.0'],
      ['oci://docker.io/envoyproxy/gateway-helm', '1.9.0'],
      ['oci://ghcr.io/zitadel/zitadel-charts/zitadel', '9.34.0'],
    ] as const) {
      const { exitCode, stdout, stderr } = await world.enter(['sh', '-c', pull, chart, version]);
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, new RegExp(`^[0-9a-f]{64} {2}[a-z-]+-${version.replaceAll('.', '\\.')}\\.tgz$`, 'm'));
    }
    const missing = await world.enter(['sh', '-c', pull, 'oci://docker.io/envoyproxy/gateway-helm', '0.0.1']);
    assert.match(missing.stderr, /0\.0\.1: not found/);
    assert.equal((await curl('-o', '/dev/null', '-w', '%{http_code}', 'https://registry-1.docker.io/v2/')).stdout, '401');
  });

  it('treats the action as the runner does: inputs, masks, files, annotations, post-mortem of the temporary folder', async () => {
    const action = await script(
      'talk',
      `import { appendFileSync, writeFileSync } from 'node:fs';
       const out = (line) => process.stdout.write(line + '\\n');
       out('before: ' + process.env['INPUT_STACK-SECRET'].slice(0, 3));
       out('secret: ' + process.env['INPUT_SECRET-KEY']);
       out('::add-mask::hunter2hunter2');
       out('derived: hunter2hunter2 ' + Buffer.from('hunter2hunter2').toString('base64'));
       out('::group::Network'); out('inside'); out('::endgroup::');
       out('::error file=zitadel.yaml,line=3,col=5,title=Config::bad%0Avalue');
       appendFileSync(process.env.GITHUB_OUTPUT, 'url=https://login.example.com\\nleak<<EOF\\nhunter2hunter2\\nEOF\\n');
       appendFileSync(process.env.GITHUB_STEP_SUMMARY, '# Done hunter2hunter2\\n');
       writeFileSync(process.env.RUNNER_TEMP + '/left.txt', 'here');
       const reply = await fetch('${iam}');
       out('status ' + reply.status + ' ' + process.env.GITHUB_WORKSPACE.length);
       process.exitCode = 3;`,
    );
    const result = await world.deploy({ action, inputs: { command: 'plan' } });
    assert.equal(result.exitCode, 3);
    assert.match(result.log, /secret: \*\*\*/);
    assert.match(result.log, /derived: \*\*\* \*\*\*/);
    assert.match(result.log, /▼ Network\n {2}inside/);
    assert.match(result.log, /status 200/);
    assert.doesNotMatch(result.log, /add-mask|hunter2/);
    assert.match(result.raw, /derived: hunter2hunter2/);
    assert.ok(result.masks.includes('hunter2hunter2'));
    assert.deepEqual(result.annotations, [{ level: 'error', file: 'zitadel.yaml', line: 3, col: 5, title: 'Config', message: 'bad\nvalue' }]);
    assert.equal(result.outputs['url'], 'https://login.example.com');
    assert.deepEqual(result.droppedOutputs, ['leak']);
    assert.equal(result.summary, '# Done ***\n');
    assert.deepEqual(result.leftovers, { 'left.txt': 'here' });
  });

  it('cancels with SIGINT first, and ends processes left behind', async () => {
    const action = await script(
      'cancelled',
      `import { spawn } from 'node:child_process';
       spawn('sleep', ['300'], { stdio: 'inherit' });
       process.on('SIGINT', () => { console.log('heard SIGINT'); process.exit(130); });
       console.log('waiting'); setInterval(() => undefined, 1000);`,
    );
    const result = await world.deploy({ action, stop: { by: 'cancel', at: { line: 'waiting' } } });
    assert.equal(result.exitCode, 130);
    assert.match(result.log, /heard SIGINT/);
    assert.deepEqual(result.orphans, ['sleep']);
  });

  it('injects faults once, cuts connections, and kills the process that asks', async () => {
    await world.control.faults([{ service: 'iam', method: 'GET', path: '/v3', act: { kind: 'answer', status: 503, body: { error: 'busy' } } }]);
    const status = async (): Promise<string> => (await curl('-o', '/dev/null', '-w', '%{http_code}', iam)).stdout;
    assert.deepEqual([await status(), await status()], ['503', '200']);
    await world.control.faults([{ service: 'get.helm.sh', act: { kind: 'truncate', bytes: 3 } }]);
    assert.equal((await curl('https://get.helm.sh/helm4-latest-version')).exitCode, 18, 'partial file');
    await world.control.faults([{ service: 'iam', act: { kind: 'reset', when: 'before' } }]);
    assert.notEqual((await curl(iam)).exitCode, 0);
    await world.control.faults([{ service: 'iam', act: { kind: 'kill', when: 'before', signal: 'SIGKILL' } }]);
    const action = await script('killed', `await fetch('${iam}'); console.log('survived');`);
    const result = await world.deploy({ action });
    assert.equal(result.signal, 'SIGKILL');
    assert.doesNotMatch(result.log, /survived/);
    await assert.rejects(world.control.faults([{ act: { kind: 'boom' } } as never]), /act.kind must be one of/);
  });

  it('answers DNS for created zones by delegation, and refers from above', async () => {
    const zone = { id: 'z1', name: 'example.com.', zone_type: 'public', status: 'ACTIVE', email: 'a@example.com', ttl: 300, serial: 7 };
    const set = (id: string, name: string, type: string, records: string[]) => ({
      id,
      name,
      type,
      records,
      zone_id: 'z1',
      status: 'ACTIVE',
      ttl: 60,
    });
    await world.control.edit({
      tables: {
        'dns.zones': { insert: [zone] },
        'dns.recordsets': {
          insert: [
            set('r1', 'example.com.', 'NS', ['ns1.open-telekom-cloud.com.', 'ns2.open-telekom-cloud.com.']),
            set('r2', 'login.example.com.', 'A', ['203.0.113.5']),
            set('r3', '*.apps.example.com.', 'CNAME', ['login.example.com.']),
            set('r4', '_acme-challenge.login.example.com.', 'TXT', ['"abc"']),
          ],
        },
      },
    });
    const ask = async (server: string, method: string, name: string): Promise<unknown> => {
      const code = `const { Resolver } = require('node:dns').promises; const r = new Resolver({ timeout: 1000, tries: 1 }); r.setServers(['${server}']);
        r.${method}('${name}').then((v) => console.log(JSON.stringify(v)), (e) => console.log(JSON.stringify(e.code)));`;
      const { stdout, stderr } = await world.enter([process.execPath, '-e', code]);
      assert.equal(stderr, '');
      return JSON.parse(stdout);
    };
    assert.deepEqual(await ask('198.18.0.2', 'resolve4', 'login.example.com'), ['203.0.113.5']);
    assert.deepEqual(await ask('198.18.0.2', 'resolve4', 'x.apps.example.com'), ['203.0.113.5']);
    assert.deepEqual(await ask('198.18.0.53', 'resolveTxt', '_acme-challenge.login.example.com'), [['abc']]);
    assert.deepEqual(await ask('198.18.0.54', 'resolve4', 'other.test'), 'EREFUSED');
    assert.deepEqual(await ask('198.18.0.2', 'resolveNs', 'example.com'), ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com']);
    await world.control.edit({ switches: { 'delegation:example.com': 'other' } });
    assert.deepEqual(await ask('198.18.0.2', 'resolve4', 'login.example.com'), 'ENOTFOUND');
    assert.deepEqual(await ask('198.18.0.2', 'resolveNs', 'example.com'), ['ns1.registrar.example', 'ns2.registrar.example']);
    await world.control.edit({ switches: { 'delegation:example.com': null } });
  });

  it('goes back to a snapshot', async () => {
    await world.control.snapshot('before');
    await world.control.edit({ tables: { 'dns.zones': { update: { z1: { ttl: 999 } } } } });
    const { milliseconds } = await world.control.restore('before');
    const [zone] = await world.control.table<{ readonly id: string; readonly ttl: number }>('dns.zones');
    assert.equal(zone?.ttl, 300);
    assert.ok(milliseconds < 3000);
  });

  it('takes a run of the action from another terminal, and says that there is no cluster yet', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [sandbox, '--state', world.folder, '--command', 'plan'], { timeout: 60_000 });
    assert.match(stdout, /CCE cluster/);
    assert.match(stdout, /sandbox: "plan" ended with exit code 0 after .* the world stays up/);
    assert.match((await world.enter(['kubectl', 'get', 'pods'])).stderr, /there-is-no-available-cluster-in-this-world/);
  });

  it('goes on unharmed while another one is killed, of which nothing is left but its log', async () => {
    const other = await startWorld({ pace: 'instant' });
    try {
      process.kill(Number(other.env['WORLD_PID']), 'SIGKILL');
      for (let tries = 0; tries < 100 && readdirSync(other.folder).length > 1; tries += 1) await sleep(50);
      assert.deepEqual(readdirSync(other.folder), ['world.log']);
      for (let tries = 0; tries < 100 && processesOf(other.folder).length > 0; tries += 1) await sleep(50);
      assert.deepEqual(processesOf(other.folder), []);
      assert.equal((await curl('-o', '/dev/null', '-w', '%{http_code}', iam)).stdout, '200');
    } finally {
      await other.stop();
    }
  });

  it('leaves no process and no mount when it ends', async () => {
    const { folder } = world;
    await world.stop();
    assert.equal(existsSync(folder), false);
    await sleep(100);
    assert.doesNotMatch(readFileSync('/proc/self/mounts', 'utf8'), new RegExp(folder));
    assert.deepEqual(processesOf(folder), []);
  });
});
