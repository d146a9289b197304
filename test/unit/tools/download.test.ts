import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Pin } from '../../../src/tools/checksums.ts';
import { type DownloadPorts, obtain } from '../../../src/tools/download.ts';

const sum = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'download-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function archiveWith(content: string | undefined): Buffer {
  const source = join(folder, 'source/linux-amd64');
  mkdirSync(source, { recursive: true });
  if (content === undefined) symlinkSync('/etc/passwd', join(source, 'helm'));
  else writeFileSync(join(source, 'helm'), content);
  execFileSync('tar', ['-czf', join(folder, 'made.tgz'), '-C', join(folder, 'source'), 'linux-amd64']);
  return readFileSync(join(folder, 'made.tgz'));
}

function ports(bytes: Buffer, cached?: string): DownloadPorts & { said: string[]; fetched: string[] } {
  const said: string[] = [];
  const fetched: string[] = [];
  return {
    said,
    fetched,
    say: (line) => said.push(line),
    signal: new AbortController().signal,
    find: async () => cached,
    fetchTo: async (url, file) => {
      fetched.push(url);
      writeFileSync(file, bytes);
    },
    keep: async (file, tool) => {
      mkdirSync(join(folder, 'cache'), { recursive: true });
      cpSync(file, join(folder, 'cache', tool));
      return join(folder, 'cache');
    },
  };
}

const pin = (sums: Pin['sums'], given?: string): Pin => ({
  tool: 'helm',
  version: '4.1.4',
  platform: 'linux-amd64',
  url: 'https://get.helm.sh/x.tar.gz',
  sums,
  ...(given === undefined ? {} : { given }),
});

test('the one binary is taken out of a repacked archive, made executable and kept', async () => {
  const bytes = archiveWith('#!/bin/sh\necho helm\n');
  const path = await obtain(pin({ archive: sum('official'), binary: sum('#!/bin/sh\necho helm\n') }), join(folder, 'work'), ports(bytes));
  assert.equal(execFileSync(path, { encoding: 'utf8' }), 'helm\n');
});

test('another binary is refused with both sums, and nothing is kept', async () => {
  const bytes = archiveWith('evil');
  const used = ports(bytes);
  const wrong = obtain(pin({ archive: sum('official'), binary: sum('good') }), join(folder, 'work'), used);
  await assert.rejects(wrong, new RegExp(`sha256 ${sum(bytes)} \\(binary ${sum('evil')}\\), not ${sum('good')}; it was not run`));
  assert.throws(() => readFileSync(join(folder, 'cache/helm')));
});

test('an archive that holds a link or no binary is refused', async () => {
  const linked = archiveWith(undefined);
  await assert.rejects(obtain(pin({}, sum(linked)), join(folder, 'work'), ports(linked)), /something else than a file/);
  execFileSync('tar', ['-czf', join(folder, 'empty.tgz'), '-C', folder, '--files-from=/dev/null']);
  const empty = readFileSync(join(folder, 'empty.tgz'));
  await assert.rejects(obtain(pin({}, sum(empty)), join(folder, 'work2'), ports(empty)), /holds no linux-amd64\/helm/);
});

test('a cached binary is used when it matches, and replaced when it was changed', async () => {
  const cache = join(folder, 'old');
  mkdirSync(cache);
  writeFileSync(join(cache, 'helm'), 'good');
  const good = ports(Buffer.alloc(0), cache);
  assert.equal(await obtain(pin({ binary: sum('good') }), join(folder, 'work'), good), join(cache, 'helm'));
  assert.deepEqual(good.fetched, []);
  writeFileSync(join(cache, 'helm'), 'tampered');
  const bytes = archiveWith('good');
  const again = ports(bytes, cache);
  assert.equal(await obtain(pin({ binary: sum('good') }), join(folder, 'work'), again), join(folder, 'cache/helm'));
  assert.match(again.said.join(), /does not match/);
});

test('a download that fails names the mirror input', async () => {
  const broken: DownloadPorts = {
    ...ports(Buffer.alloc(0)),
    fetchTo: async () => {
      throw new Error('Unexpected HTTP response: 503');
    },
  };
  await assert.rejects(obtain(pin({ binary: sum('x') }), join(folder, 'work'), broken), (error: Error & { hint?: string }) => {
    return /503/.test(error.message) && /set helm-mirror/.test(error.hint ?? '');
  });
  const mirrored = { ...pin({ binary: sum('x') }), mirror: 'https://nomirror.example.net' };
  await assert.rejects(obtain(mirrored, join(folder, 'work'), broken), (error: Error & { hint?: string }) => {
    return /^helm-mirror is set to https:\/\/nomirror\.example\.net: /.test(error.hint ?? '');
  });
});
