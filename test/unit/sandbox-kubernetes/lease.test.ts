/** Leader election of the images: the first takes the Lease, another waits, gets it when it is let go or stale, and says why it may not. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeAnswer, KubeApi } from '../../../sandbox/kubernetes/api.ts';
import { elected } from '../../../sandbox/kubernetes/images/lease.ts';
import type { Pod } from '../../../sandbox/kubernetes/objects.ts';

interface Stored {
  readonly spec: {
    readonly holderIdentity: string;
    readonly renewTime: string;
    readonly leaseTransitions: number;
    readonly leaseDurationSeconds: number;
  };
}
const at = { namespace: 'ns', name: 'lock' };
const path = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';

/** An API server's part of it: one Lease, made once. */
function server(forbidden = false): { readonly kube: KubeApi; lease: Stored | undefined } {
  const state: { kube: KubeApi; lease: Stored | undefined } = { kube: {} as KubeApi, lease: undefined };
  const request = async (method: string, asked: string, body: unknown): Promise<KubeAnswer<unknown>> => {
    if (forbidden) return { status: 403, body: { message: 'leases is forbidden' } };
    if (method === 'POST' && state.lease !== undefined) return { status: 409, body: {} };
    assert.equal(asked, method === 'POST' ? path : `${path}/lock`);
    state.lease = body as Stored;
    return { status: 200, body };
  };
  state.kube = { request, get: async () => state.lease } as unknown as KubeApi;
  return state;
}

function pod(name: string): { readonly pod: Pod; readonly signal: AbortSignal; readonly said: string[]; log(line: string): void; stop(): void } {
  const end = new AbortController();
  const said: string[] = [];
  return { pod: { metadata: { name } } as Pod, signal: end.signal, said, log: (line) => said.push(line), stop: () => end.abort() };
}

it('one pod holds the Lease; the next gets it when the first has let go', async () => {
  const state = server();
  const [first, second] = [pod('first'), pod('second')];
  assert.equal(await elected(first, state.kube, at), true);
  assert.equal(state.lease?.spec.holderIdentity, 'first');
  assert.match(state.lease?.spec.renewTime ?? '', /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/);
  let leads = false;
  const waiting = elected(second, state.kube, at).then((won) => {
    leads = won;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(leads, false);
  first.stop();
  await waiting;
  assert.equal(state.lease?.spec.holderIdentity, 'second');
  assert.equal(state.lease?.spec.leaseTransitions, 1);
  second.stop();
});

it('a Lease that nobody renewed in time is taken over', async () => {
  const state = server();
  state.lease = { spec: { holderIdentity: 'dead', renewTime: '2026-01-01T10:00:00.000000Z', leaseTransitions: 4, leaseDurationSeconds: 15 } };
  const next = pod('next');
  assert.equal(await elected(next, state.kube, at), true);
  assert.equal(state.lease?.spec.leaseTransitions, 5);
  next.stop();
});

it('a missing right is said, and nobody leads', async () => {
  const one = pod('one');
  const waiting = elected(one, server(true).kube, at);
  await new Promise((resolve) => setTimeout(resolve, 20));
  one.stop();
  assert.equal(await waiting, false);
  assert.match(one.said.join('\n'), /resource lock ns\/lock: leases is forbidden/);
});
