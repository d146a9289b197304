import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled } from '../../../src/engine/fault.ts';
import { adviceFor, warnings } from '../../../src/kube/diagnosis.ts';
import { podState } from '../../../src/kube/pods.ts';
import { stuckReason, summary, vainReason, watched } from '../../../src/kube/rollout.ts';
import { type KubeObject, kubeApiOver } from '../../../src/tools/api.ts';

function pod(name: string, owner: { kind: string; name: string }, status: object): KubeObject {
  return { metadata: { name, uid: name, ownerReferences: [owner] }, status } as unknown as KubeObject;
}
const job = { kind: 'Job', name: 'zitadel-init' };
const set = { kind: 'ReplicaSet', name: 'zitadel-687ccb5cf9' };
const waiting = (reason: string, message = ''): object => ({
  phase: 'Pending',
  containerStatuses: [{ name: 'c', restartCount: 0, state: { waiting: { reason, message } } }],
});
const ready = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ name: 'c', ready: true, state: { running: {} } }],
};
const ended = { phase: 'Failed', containerStatuses: [{ name: 'zitadel-init', state: { terminated: { exitCode: 1 } } }] };

test('one line tells what jobs and deployments do', () => {
  const states = [pod('i', job, ended), pod('j', job, { phase: 'Running' }), pod('a', set, ready), pod('b', set, { phase: 'Running' })].map(podState);
  assert.equal(summary(states), 'zitadel 1/2 ready, Running, not ready; job zitadel-init: Running, attempt 2');
  assert.equal(summary([podState(pod('a', set, ready))]), 'zitadel 1/1 ready');
  assert.deepEqual(podState(pod('i', job, ended)).broken, [{ container: 'zitadel-init', exitCode: 1, restarts: 0 }]);
});

test('an obstacle is given its time, by pod, and then named with the kubelet’s words', () => {
  const since = new Map<string, number>();
  const first = [podState(pod('a', set, waiting('ErrImagePull', 'no route to host')))];
  const then = [podState(pod('a', set, waiting('ImagePullBackOff', 'Back-off pulling image')))];
  assert.equal(stuckReason(first, since, {}, 0), undefined);
  assert.equal(stuckReason(then, since, {}, 59_000), undefined);
  assert.equal(stuckReason(then, since, {}, 60_000), 'pod a does not start: ImagePullBackOff: Back-off pulling image');
  assert.equal(stuckReason([podState(pod('a', set, ready))], since, {}, 61_000), undefined);
  assert.equal(stuckReason(then, since, {}, 62_000), undefined, 'the clock starts anew after a good moment');
  const missing = waiting('CreateContainerConfigError', "couldn't find key masterkey in Secret zitadel/zitadel-masterkey-ext");
  assert.equal(stuckReason([podState(pod('b', job, missing))], since, {}, 0), undefined);
  assert.match(stuckReason([podState(pod('b', job, missing))], since, {}, 30_000) ?? '', /couldn't find key masterkey/);
});

test('a Job that runs far too long is named with its meaning; a long queue for nodes too', () => {
  const since = new Map<string, number>();
  const options = { jobLimits: { 'zitadel-init': { seconds: 150, meaning: 'the database does not answer' } } };
  const running = [podState(pod('i', job, { phase: 'Running' }))];
  assert.equal(stuckReason(running, since, options, 0), undefined);
  assert.equal(stuckReason(running, since, options, 150_000), 'job zitadel-init has been running for 150 s: the database does not answer');
  const unscheduled = [
    podState(
      pod('q', set, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] }),
    ),
  ];
  assert.equal(stuckReason(unscheduled, since, {}, 0), undefined);
  assert.match(stuckReason(unscheduled, since, {}, 300_000) ?? '', /Unschedulable: 0\/3 nodes/);
});

test('a server that crashes again and again is not waited for', () => {
  const crashing = {
    phase: 'Running',
    containerStatuses: [
      { name: 'z', restartCount: 5, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 2 } } },
    ],
  };
  assert.match(stuckReason([podState(pod('a', set, crashing))], new Map(), {}, 0) ?? '', /container z ended 5 times/);
});

test('attempts that end for a cause which time does not heal are not gone on with', () => {
  const refused = 'failed to connect: FATAL: password authentication failed for user "zitadel" (SQLSTATE 28P01)';
  const states = [pod('i', job, ended), pod('j', job, ended), pod('k', job, { phase: 'Running' })].map(podState);
  const both = new Map([
    ['i/zitadel-init', refused],
    ['j/zitadel-init', refused],
  ]);
  assert.equal(
    vainReason(states, both),
    'job zitadel-init: attempt 2 ended like those before, and the next would too: password authentication failed for user "zitadel"',
  );
  assert.equal(vainReason(states.slice(0, 1), both), undefined, 'the first may have met what was still being made');
  const other = new Map([...both, ['j/zitadel-init', 'x509: certificate signed by unknown authority']]);
  assert.equal(vainReason(states, other), undefined, 'another cause: something is changing');
  const passing = new Map([...both].map(([name]) => [name, 'dial tcp 10.0.0.5:5432: i/o timeout']));
  assert.equal(vainReason(states, passing), undefined);
  const restarted = { phase: 'Running', containerStatuses: [{ name: 'z', restartCount: 2, state: {}, lastState: { terminated: { exitCode: 1 } } }] };
  assert.match(vainReason([podState(pod('a', set, restarted))], new Map([['a/z', refused]])) ?? '', /^pods of zitadel: attempt 2/);
});

test('watching stops helm when it is stuck, keeps log tails, and ends with helm', async () => {
  const said: string[] = [];
  let looks = 0;
  const api = kubeApiOver(async (_method, path) => {
    // The first look is from before helm made anything.
    if (path.includes('/pods?') && ++looks === 1) return { status: 200, body: JSON.stringify({ items: [] }) };
    if (path.includes('/log')) return { status: 200, body: 'Error: password authentication failed\n' };
    const status = {
      ...waiting('InvalidImageName', 'bad'),
      containerStatuses: [...(waiting('InvalidImageName', 'bad') as typeof ended).containerStatuses, ended.containerStatuses[0]],
    };
    return { status: 200, body: JSON.stringify({ items: [pod('p', set, status)] }) };
  });
  const run = { signal: new AbortController().signal, say: (line: string) => said.push(line) };
  const { error, watched: found } = await watched({ api, namespace: 'zitadel', run }, (signal) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Cancelled('stopped'))));
  });
  assert.ok(error instanceof Cancelled);
  assert.match(found.stuck ?? '', /InvalidImageName/);
  assert.deepEqual([...found.tails], [['p/zitadel-init', 'Error: password authentication failed\n']]);
  assert.match(said.join(), /zitadel 0\/1 ready, Pending \(InvalidImageName\)/);
  const well = kubeApiOver(async () => ({ status: 200, body: JSON.stringify({ items: [pod('p', set, ready)] }) }));
  const calm = await watched({ api: well, namespace: 'zitadel', run }, async () => undefined);
  assert.deepEqual([calm.error, calm.watched.stuck], [undefined, undefined]);
});

test('pods that were in trouble before do not end the rollout that may heal them', async () => {
  const crashing = {
    phase: 'Running',
    containerStatuses: [{ name: 'z', restartCount: 9, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
  };
  const mounting = { ...waiting('ContainerCreating'), phase: 'Pending' };
  const created = '2020-01-01T00:00:00Z';
  const old = (one: KubeObject): object => ({ ...one, metadata: { ...one.metadata, creationTimestamp: created } });
  const failed = { metadata: { name: 'e' }, message: 'secret "x" not found', lastTimestamp: created, involvedObject: { name: 'm' } };
  const api = kubeApiOver(async (_method, path) => {
    const items = path.includes('/events') ? [failed] : [old(pod('old', set, crashing)), old(pod('m', set, mounting))];
    return { status: 200, body: JSON.stringify({ items }) };
  });
  const run = { signal: new AbortController().signal, say: () => undefined };
  const { error, watched: found } = await watched({ api, namespace: 'zitadel', run }, (signal) => {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Cancelled('stopped')));
      setTimeout(resolve, 200);
    });
  });
  assert.deepEqual([error, found.stuck], [undefined, undefined]);
});

test('warnings: of this attempt, in order, without repetition and without noise', () => {
  const event = (reason: string, lastTimestamp: string, type = 'Warning'): KubeObject =>
    ({ metadata: { name: reason }, type, reason, message: 'm', lastTimestamp, involvedObject: { kind: 'Pod', name: 'p' } }) as unknown as KubeObject;
  const since = new Date('2026-11-23T18:00:00.500Z');
  const events = [
    event('Later', '2026-11-23T18:02:00Z'),
    event('Old', '2026-11-23T17:00:00Z'),
    event('Earlier', '2026-11-23T18:00:00Z'),
    event('Later', '2026-11-23T18:02:00Z'),
    event('Pulled', '2026-11-23T18:02:00Z', 'Normal'),
    event('FailedToUpdateEndpointSlices', '2026-11-23T18:02:00Z'),
  ];
  assert.deepEqual(warnings(events, since), ['event Pod p: Earlier: m', 'event Pod p: Later: m']);
});

test('advice for the texts that ZITADEL and the kubelet really say', () => {
  const expected: readonly [string, RegExp][] = [
    ['failed SASL auth: FATAL: password authentication failed for user "root" (SQLSTATE 28P01)', /root's password/],
    ['password authentication failed for user "zitadel"', /passwordGeneration\.user/],
    [
      'initialize database failed: cannot parse `host=1 sslmode=verify-ca`: failed to configure TLS (unable to read CA file: open /db-ssl-ca-crt/ca.crt: no such file or directory)',
      /lacks the key ca\.crt/,
    ],
    ['level=ERROR+6 msg="unable to connect to database" err="boom"', /init did not run to its end/],
    ['ERROR: relation "queue.river_queue" does not exist (SQLSTATE 42P01)', /emptied or replaced/],
    ['migration failed name=03_default_instance masterkey must be 32 bytes, but is 31', /exactly 32 bytes/],
    ['failed to connect: server error: FATAL: permission denied to create role (SQLSTATE 42501)', /CREATEROLE/],
    ['dial error: dial tcp 10.0.0.1:5432: i/o timeout', /security group/],
    ['error: 401 {"message":"Errors.Token.Invalid (AUTH-7fs1e)"}', /login app's token/],
    ['pod zitadel-1: CrashLoopBackOff: container zitadel ended 5 times, last with OOMKilled, exit code 137', /memory/],
    ['psql: error: connection to server at "10.0.0.1", port 5432 failed: SSL error: certificate verify failed', /zitadel-rds-ssl-cert/],
    ['tls: failed to verify certificate: x509: certificate is valid for 127.0.0.9, not 127.0.0.1', /verify-ca/],
    ['write failed: x509: certificate signed by unknown authority', /zitadel-rds-ssl-cert/],
    ['dial error: dial tcp 10.0.0.1:5432: connect: connection refused', /ACTIVE/],
    ['Errors.User.PasswordComplexityPolicy.MinLength err.id=COMMA-HuJf6', /admin-password/],
    ['MountVolume.SetUp failed for volume "login-client" : secret "login-client" not found', /first setup only/],
    ['MountVolume.SetUp failed for volume "ca" : secret "zitadel-rds-ssl-cert" not found', /Secret or a key/],
    ['Back-off pulling image: ImagePullBackOff', /egress/],
  ];
  for (const [text, advice] of expected) assert.match(adviceFor([text]) ?? '', advice);
  assert.equal(adviceFor(['all is well']), undefined);
});
