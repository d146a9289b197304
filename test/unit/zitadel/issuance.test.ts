import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { certificateState, stepOf, untilIssued } from '../../../src/zitadel/issuance.ts';
import { fakeCluster } from '../kube/fakes.ts';

test('a certificate is usable when it is ready for what is wanted now, and not over', () => {
  const certificate = (conditions: object[], more: object = {}): KubeObject =>
    ({
      metadata: { name: 'zitadel-tls', generation: 2 },
      status: { conditions, notAfter: '2027-02-01T00:00:00Z', ...more },
    }) as unknown as KubeObject;
  const now = new Date('2026-11-23T00:00:00Z');
  const ready = { type: 'Ready', status: 'True', observedGeneration: 2 };
  assert.equal(certificateState(certificate([ready]), now).done, true);
  assert.equal(certificateState(certificate([{ ...ready, observedGeneration: 1 }]), now).done, false);
  assert.equal(certificateState(certificate([ready]), new Date('2027-03-01')).done, false);
  const life = { notBefore: '2026-11-03T00:00:00Z', renewalTime: '2027-01-02T00:00:00Z' };
  assert.equal(certificateState(certificate([ready], life), new Date('2027-01-10')).done, true, 'within a tenth of its life');
  assert.deepEqual(certificateState(certificate([ready], life), new Date('2027-01-12')), {
    done: false,
    state: 'renewal overdue',
    reason: 'cert-manager should have renewed it at 2027-01-02T00:00:00Z',
  });
  const issuing = [
    { type: 'Ready', status: 'False', reason: 'DoesNotExist', observedGeneration: 2 },
    { type: 'Issuing', status: 'True', message: 'order is pending' },
  ];
  assert.deepEqual(certificateState(certificate(issuing), now), { done: false, state: 'DoesNotExist', reason: 'order is pending' });
});

const status = (state: string, reason = ''): KubeObject => ({ metadata: { name: 'c' }, status: { state, reason } }) as unknown as KubeObject;

test('steps: what heals by waiting, and what does not', () => {
  assert.deepEqual(stepOf('Challenge', status('pending', 'Waiting for DNS-01 challenge propagation: DNS record not yet propagated')), {
    line: 'Challenge pending: Waiting for DNS-01 challenge propagation: DNS record not yet propagated',
    lasting: undefined,
  });
  assert.equal(stepOf('Order', status('')).line, 'Order new');
  assert.equal(
    stepOf('Challenge', status('pending', 'found 0 while expecting 1 for zone example.com.')).lasting,
    'found 0 while expecting 1 for zone example.com.',
  );
  assert.equal(stepOf('Order', status('invalid')).lasting, 'Order invalid');
});

const path = '/apis/cert-manager.io/v1/namespaces/zitadel/certificates/zitadel-tls';
const ready = { type: 'Ready', status: 'True', observedGeneration: 1 };
const named = { name: 'zitadel-tls', namespace: 'zitadel' };
const certificate = (more: object): KubeObject =>
  ({
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: { ...named, generation: 1, resourceVersion: '1' },
    status: more,
  }) as unknown as KubeObject;

test('issued: the wait ends; a failure of this attempt ends it too, with the reason and what to do', async () => {
  const cluster = fakeCluster();
  const said: string[] = [];
  const run = { signal: new AbortController().signal, say: (line: string) => said.push(line) };
  cluster.objects.set(path, certificate({ conditions: [{ type: 'Issuing', status: 'True' }] }));
  setTimeout(() => cluster.objects.set(path, certificate({ conditions: [ready] })), 200);
  assert.equal((await untilIssued(cluster, named, run)).metadata.name, 'zitadel-tls');

  cluster.objects.set(path, certificate({ conditions: [{ type: 'Issuing', status: 'True' }] }));
  setTimeout(() => {
    const message = 'The certificate request has failed: acme: Unauthorized: APIGW.0301';
    cluster.objects.set(path, certificate({ lastFailureTime: '2026-11-23T18:00:00Z', conditions: [{ type: 'Issuing', status: 'False', message }] }));
  }, 200);
  await assert.rejects(untilIssued(cluster, named, run), (error) => {
    return (
      error instanceof Fault && /was not issued: The certificate request has failed/.test(error.message) && /acme-access-key/.test(error.hint ?? '')
    );
  });
});

test('after a former failure a new attempt is asked for, and the old failure is not taken for a new one', async () => {
  const cluster = fakeCluster();
  const said: string[] = [];
  const run = { signal: new AbortController().signal, say: (line: string) => said.push(line) };
  cluster.objects.set(path, certificate({ lastFailureTime: '2026-11-23T17:00:00Z', conditions: [{ type: 'Issuing', status: 'False' }] }));
  const waiting = untilIssued(cluster, named, run);
  setTimeout(() => cluster.objects.set(path, certificate({ lastFailureTime: '2026-11-23T17:00:00Z', conditions: [ready] })), 300);
  await waiting;
  assert.deepEqual(cluster.writes, [`PUT ${path}/status`]);
  assert.match(said[0] ?? '', /the last attempt failed at 2026-11-23T17:00:00Z: starting a new one/);
});
