/** The command line: its options, the folder of a world, signals before there is one, the file of its environment. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOptions } from '../../../sandbox/world/options.ts';
import { claim } from '../../../sandbox/world/state-folder.ts';
import { readEnv } from '../../harness/world.ts';

describe('the command line', () => {
  it('has defaults and says what is wrong', () => {
    const options = readOptions(['--image', 'zitadel=/bin/z', '--command', 'plan']);
    assert.deepEqual([options.command, options.latency, options.programs], ['plan', undefined, { zitadel: '/bin/z' }]);
    for (const wrong of [
      ['--confirm', 'x'],
      ['--cloud-only'],
      ['--command', 'x'],
      ['--latency', 'slow'],
      ['--image', 'x'],
      ['--nope'],
      ['word'],
      ['--config', 'sandbox'],
    ]) {
      assert.throws(() => readOptions(wrong), Error, wrong.join(' '));
    }
    assert.throws(() => readOptions(['--nope']), /^Error: Unknown option '--nope'; --help lists the options$/);
    assert.throws(() => readOptions(['--target', 'destroy']), /--target goes with --command plan/);
    assert.throws(() => readOptions(['--command', 'plan', '--target', 'all']), /--target all: there are deploy, destroy/);
    assert.equal(readOptions(['--command', 'plan', '--target', 'destroy']).target, 'destroy');
    assert.throws(() => readOptions(['--config', 'none.yaml']), /^Error: --config none\.yaml: there is no such file$/);
    assert.equal(readOptions(['--config', 'sandbox/stack/zitadel.yaml']).config, 'sandbox/stack/zitadel.yaml');
  });

  it('takes inputs of the action, by the names that it has', () => {
    assert.deepEqual(readOptions([]).inputs, {});
    const given = ['--input', 'plan-digest=a.b=c', '--input', 'fail-on-changes=true', '--input', 'masterkey='];
    assert.deepEqual(readOptions(given).inputs, { 'plan-digest': 'a.b=c', 'fail-on-changes': 'true', masterkey: '' });
    for (const [pair, says] of [
      ['stack-secrt=planted', /^Error: --input stack-secrt: the action has no such input; did you mean stack-secret\?$/],
      ['Plan-Digest=planted', /^Error: --input Plan-Digest: .* did you mean plan-digest\?$/],
      ['nothing-like-it-at-all=planted', /^Error: --input nothing-like-it-at-all: the action has no such input; there are command, config, /],
      ['plan-digest', /^Error: --input plan-digest: write NAME=VALUE$/],
      ['=planted', /^Error: --input : write NAME=VALUE$/],
      ['confirm-destroy=planted', /^Error: --input confirm-destroy: say it with --confirm$/],
      ['command=planted', /^Error: --input command: say it with --command$/],
    ] as const)
      assert.throws(() => readOptions(['--input', pair]), says);
  });

  it('takes no folders in which there is not what it needs', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'options-'));
    context.after(() => rm(folder, { recursive: true }));
    const snapshot = join(folder, 'world/snapshots/a');
    await mkdir(snapshot, { recursive: true });
    assert.throws(() => readOptions(['--charts', '/tmp/nope']), /^Error: --charts \/tmp\/nope: there is no such folder$/);
    assert.throws(() => readOptions(['--charts', folder]), /there is no chart archive \(\*\.tgz\) in it$/);
    assert.throws(() => readOptions(['--from', snapshot]), /there is no snapshot; POST \/snapshot/);
    await writeFile(join(snapshot, 'identity.json'), '{}');
    await writeFile(join(folder, 'a.tgz'), '');
    assert.throws(() => readOptions(['--from', snapshot, '--state', folder]), /would begin by taking it away/);
    const options = readOptions(['--from', snapshot, '--state', `${folder}/w`, '--charts', folder]);
    assert.deepEqual([options.from, options.charts], [snapshot, folder]);
  });

  it('takes a folder of the world that can be made and written, and leaves others alone', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'claims-'));
    context.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'file');
    await writeFile(file, 'mine');
    for (const path of [file, join(file, 'below'), '/proc/x', '/proc/x/y'])
      await assert.rejects(claim(path), /cannot be the world's folder \(E/, path);
    assert.equal(await readFile(file, 'utf8'), 'mine');
    const world = join(folder, 'a/b');
    await claim(world);
    assert.deepEqual([(await stat(world)).mode & 0o777, await readdir(world)], [0o700, ['world.log']]);
    await writeFile(join(folder, 'env'), 'mine');
    await assert.rejects(claim(folder), /holds env, which no world wrote/);
    assert.equal((await readdir(folder)).includes('world.log'), false);
  });

  it('ends at once where a signal comes before there is a world', async () => {
    const outer = join(import.meta.dirname, '../../../sandbox/world/outer.ts');
    const script = `const { Outer } = await import(${JSON.stringify(outer)}); const o = new Outer(process.stdin); if (process.argv[1] === 'asked') void o.signal(); console.log('up');`;
    for (const [asked, ends] of [
      ['early', true],
      ['asked', false],
    ] as const) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script, asked], { stdio: ['pipe', 'pipe', 'inherit'] });
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      child.kill('SIGTERM');
      if (!ends) {
        assert.equal(await Promise.race([ended, sleep(300, 'up')]), 'up');
        child.stdin.end();
      }
      assert.equal(await ended, 143);
    }
  });

  it('leaves an env file that shells and we read alike', () => {
    assert.deepEqual(readEnv("A='x y'\nB='it'\\''s'\n"), { A: 'x y', B: "it's" });
  });
});
