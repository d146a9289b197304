import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlPlaneBinaries, etcdVersion, kubernetesVersion } from '../../../sandbox/kubernetes/binaries.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager'] as const;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'binaries-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const never = (line: string) => assert.fail(`nothing had to be made, but: ${line}`);

test('programs of KUBEBUILDER_ASSETS come first, the cache has the rest', () =>
  inFolder(async (folder) => {
    const assets = join(folder, 'assets');
    const cached = join(folder, 'cache', `control-plane-${kubernetesVersion}-etcd-${etcdVersion}-${process.arch}`);
    await mkdir(assets);
    await mkdir(cached, { recursive: true });
    // The usual archive carries no controller manager.
    for (const program of ['etcd', 'kube-apiserver']) await writeFile(join(assets, program), '');
    for (const program of programs) await writeFile(join(cached, program), '');
    const env = { KUBEBUILDER_ASSETS: assets };
    assert.deepEqual(await controlPlaneBinaries(join(folder, 'cache'), never, env), {
      etcd: join(assets, 'etcd'),
      'kube-apiserver': join(assets, 'kube-apiserver'),
      'kube-controller-manager': join(cached, 'kube-controller-manager'),
    });
    assert.equal((await controlPlaneBinaries(join(folder, 'cache'), never, {})).etcd, join(cached, 'etcd'));
  }));

test('without Go, and a lock whose owner died: the error says how to get Go, and no lock stays', () =>
  inFolder(async (folder) => {
    const cached = join(folder, `control-plane-${kubernetesVersion}-etcd-${etcdVersion}-${process.arch}`);
    await mkdir(cached);
    await writeFile(join(cached, 'lock'), '4194305');
    await assert.rejects(
      controlPlaneBinaries(folder, () => undefined, { PATH: folder }),
      /Go is not installed: get Go .* from https:\/\/go\.dev\/dl\//,
    );
    assert.deepEqual(await readdir(cached), []);
  }));
