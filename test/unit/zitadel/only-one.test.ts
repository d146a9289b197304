/** Owns the proof that a second ZITADEL of one stack is refused, wherever the first one runs, and that nothing else passes for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Fault } from '../../../src/engine/fault.ts';
import { objectPath } from '../../../src/kube/paths.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { onlyOne } from '../../../src/zitadel/only-one.ts';
import { cloudNeeds, contextOf, fakeCluster, kubeconfig, quiet } from '../kube/fakes.ts';

const STACK = 'zitadel-on-otc/stack';

/** A stored revision, as Helm labels it. */
function stored(namespace: string, name: string, chart: string, more: { readonly status?: string; readonly stack?: string } = {}): KubeObject {
  const release = {
    name,
    namespace,
    version: 1,
    info: { status: 'deployed' },
    manifest: '',
    chart: { metadata: { name: chart, version: '9.34.0' } },
  };
  const data = { release: Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64') };
  const labels = { owner: 'helm', name, status: more.status ?? 'deployed', [STACK]: more.stack ?? 'zitadel-prod' };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: `sh.helm.release.v1.${name}.v1`, namespace, labels }, data } as KubeObject;
}

/** What is said where these revisions are stored; undefined where nothing is. */
async function said(revisions: readonly KubeObject[], more = ''): Promise<string | undefined> {
  const cluster = fakeCluster();
  for (const one of revisions) cluster.objects.set(objectPath({ ...one, apiVersion: 'v1', kind: 'Secret' }), one);
  const resource = onlyOne(contextOf(cluster, {}, more), cloudNeeds());
  const seen = await resource.observe({ kubeconfig }, quiet);
  assert.ok(seen);
  try {
    assert.deepEqual(resource.diff(null, seen), []);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Fault);
    return `${error.message}\n${error.hint}`;
  }
}

const own = stored('zitadel', 'zitadel', 'zitadel');

test('its own release, the other charts of the stack and ZITADELs of other stacks are none', async () => {
  assert.equal(await said([]), undefined);
  const others = [stored('cert-manager', 'acme-dns', 'acme-dns'), stored('contour', 'contour', 'contour')];
  assert.equal(await said([own, ...others, stored('elsewhere', 'zitadel', 'zitadel', { stack: 'another' })]), undefined);
  assert.equal(await said([own, stored('old', 'zitadel', 'zitadel', { status: 'superseded' })]), undefined);
});

test('with another namespace or release name the running one is named, with both settings to set again', async () => {
  const text = await said([own], 'zitadel: { namespace: idp }\n');
  assert.match(text ?? '', /runs already as zitadel\/zitadel; as idp\/zitadel it would run a second time .*refused/);
  assert.match(text ?? '', /Set zitadel\.namespace: zitadel and zitadel\.release: zitadel again/);
  assert.match((await said([own], 'zitadel: { release: login }\n')) ?? '', /as zitadel\/login it would run a second time/);
});

test('a second one beside its own is seen, too', async () => {
  assert.match((await said([own, stored('idp', 'zitadel', 'zitadel')])) ?? '', /runs already as idp\/zitadel/);
});
