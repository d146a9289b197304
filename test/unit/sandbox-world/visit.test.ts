/** A run in a world that is up already: asked for over its control, its lines as they come, its end, its refusals. The world is a control alone. */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { type Call, ControlServer, type Route } from '../../../sandbox/control/server.ts';
import { ControlState } from '../../../sandbox/control/state.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { keepText } from '../../../sandbox/runner/once.ts';
import { requestOf } from '../../../sandbox/runner/shown.ts';
import { readOptions } from '../../../sandbox/world/options.ts';

const script = join(import.meta.dirname, '../../../scripts/sandbox.mjs');
const done = { exitCode: 0, summary: '', outputs: {}, orphans: [], took: 12 };
let folder: string;
let control: ControlServer;
let route: Route = () => undefined;
let cancelled: () => void = () => undefined;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zoo-'));
  const unused = () => Promise.reject(new Error('not asked for here'));
  const more: Record<string, Route> = { 'POST /run': (body, call) => route(body, call), 'DELETE /run': () => cancelled() };
  control = new ControlServer({
    state: new ControlState(),
    store: new Store(() => undefined),
    services: new Set(),
    snapshot: unused,
    restore: unused,
    more,
  });
  await control.listen({ path: join(folder, 'control.sock') });
});
after(async () => {
  await control.close();
  await rm(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

function start(...args: readonly string[]): { readonly child: ChildProcessByStdio<Writable, Readable, Readable>; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [script, '--state', folder, ...args], { stdio: 'pipe' });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  return { child, ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, text }))) };
}

describe('a run in a world that is up', () => {
  it('is asked for with its command, its confirmation and its stack file; lines come as they are said', async () => {
    const stack = join(folder, 'other.yaml');
    await writeFile(stack, 'name: other\nregion: eu-ch2\n');
    const heard: unknown[] = [];
    let shown: () => void = () => undefined;
    const seen = new Promise<void>((resolve) => {
      shown = resolve;
    });
    route = async (body, { say }) => {
      heard.push(body);
      say('the first line');
      await seen;
      return { ...done, exitCode: 7, summary: '# Taken away\n' };
    };
    const { child, ended } = start('--command', 'destroy', '--confirm', 'other', '--config', stack);
    // The answer waits until the line was seen: it must come before.
    child.stdout.on('data', (chunk: string) => {
      if (chunk.includes('the first line')) shown();
    });
    const { code, text } = await ended;
    assert.equal(code, 7, text);
    assert.match(text, /TAKEN AWAY/);
    assert.deepEqual(heard, [
      {
        command: 'destroy',
        inputs: { project: 'eu-ch2_zitadel', 'confirm-destroy': 'other', config: 'other.yaml' },
        files: { 'other.yaml': 'name: other\nregion: eu-ch2\n' },
      },
    ]);
  });

  it('shows the digest of a plan, to be given to a deploy', async () => {
    route = () => ({ ...done, outputs: { 'plan-digest': '0a1b.outline' } });
    const { text } = await start('--command', 'plan').ended;
    assert.match(text, /^sandbox: the output plan-digest: 0a1b\.outline$/m);
  });

  it('fails with the words of the world', async () => {
    route = () => {
      throw new Error('no such action');
    };
    const { code, text } = await start('--command', 'drift').ended;
    assert.equal(code, 1);
    assert.match(text, /sandbox: Error: no such action/);
  });

  it('does not take what would shape a new world', async () => {
    const { code, text } = await start('--keep', '--latency', 'fast').ended;
    assert.equal(code, 1);
    assert.match(text, /a world is running in .* already, and --keep, --latency would be for a new one/);
  });

  it('is cancelled by the first signal and shown to its end', async () => {
    route = (_body, { say }) => {
      const over = new Promise((resolve) => {
        cancelled = () => resolve({ ...done, exitCode: 130 });
      });
      say('working');
      return over;
    };
    const { child, ended } = start('--command', 'deploy');
    child.stdout.on('data', (chunk: string) => {
      if (chunk.includes('working')) child.kill('SIGINT');
    });
    const { code, text } = await ended;
    assert.equal(code, 130, text);
    assert.match(text, /SIGINT: cancelling the run/);
  });

  it('is given up in the world when whoever asked is killed', async () => {
    let gone: () => void = () => undefined;
    const given = new Promise<void>((resolve) => {
      gone = resolve;
    });
    route = (_body, { say, signal }: Call) => {
      signal.addEventListener('abort', gone);
      say('working');
      return given;
    };
    const { child } = start('--command', 'deploy');
    child.stdout.on('data', (chunk: string) => {
      if (chunk.includes('working')) child.kill('SIGKILL');
    });
    await given;
  });
});

it('the project of a run is that of DIR/env where the stack file says no other region, and left to the action where it says none', async () => {
  const path = join(folder, 'odd.yaml');
  const inputs = async (text?: string): Promise<unknown> => {
    if (text !== undefined) await writeFile(path, text);
    return (await requestOf(readOptions(text === undefined ? [] : ['--config', path]))).inputs;
  };
  assert.deepEqual(await inputs(), { project: 'eu-de_zitadel' });
  const plan = await requestOf(readOptions(['--command', 'plan', '--target', 'destroy']));
  assert.deepEqual(plan, { command: 'plan', inputs: { project: 'eu-de_zitadel', target: 'destroy' } });
  const more = await requestOf(readOptions(['--input', 'plan-digest=abc', '--input', 'project=mine']));
  assert.deepEqual(more, { command: 'deploy', inputs: { project: 'mine', 'plan-digest': 'abc' } });
  for (const text of ['', 'text', 'region: [', 'region: eu-xx', 'a: 1\n---\nb: 2\n'])
    assert.deepEqual(await inputs(text), { config: 'odd.yaml' }, text);
});

it('the end of --keep names commands that can be pasted', () => {
  const text = keepText('/tmp/w', { config: './mine.yaml' }, 'mine');
  assert.match(text, /^ {2}npm run sandbox -- --state \/tmp\/w --config \.\/mine\.yaml --command drift$/m);
  assert.match(text, /--state \/tmp\/w --config \.\/mine\.yaml --command destroy --confirm mine$/m);
  assert.match(text, /the newest cluster/);
  assert.match(text, /kubectl config get-contexts/);
  assert.match(keepText('/tmp/w', { config: undefined }, 'mine'), /--state \/tmp\/w --command drift$/m);
});

describe('what the sandbox needs', () => {
  // Where /usr/sbin is /usr/bin nothing can be missing.
  it('is named one by one, with how to get it', { skip: existsSync('/usr/sbin/unshare') }, async () => {
    const empty = await mkdtemp(join(tmpdir(), 'zoo-'));
    const child = spawn(process.execPath, [script], { stdio: 'pipe', env: { ...process.env, PATH: empty } });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    await rm(empty, { recursive: true });
    assert.equal(code, 1);
    assert.doesNotMatch(text, /namespaces/);
    assert.match(text, /^ {2}unshare: apt-get install util-linux, or dnf install util-linux$/m);
    assert.match(text, /^ {2}sleep: apt-get install coreutils/m);
  });
});
