/** Owns the proof that every body shape of OTC's errors is read, and that known causes carry what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, unsaid } from '../../../src/engine/fault.ts';
import { faultText } from '../../../src/github/runner.ts';
import { errorText, refused } from '../../../src/otc/errors.ts';

const shapes: [string, unknown, string | undefined, string | undefined][] = [
  ['IAM v3.0', { error_msg: 'Request body is invalid.', error_code: 'IAM.0011' }, 'IAM.0011', 'Request body is invalid.'],
  ['Keystone', { error: { message: 'wrong', code: 401, title: 'Unauthorized' } }, '401', 'wrong'],
  ['VPC v1', { code: 'VPC.0101', message: 'bad' }, 'VPC.0101', 'bad'],
  ['Neutron', { NeutronError: { type: 'SecurityGroupInUse', message: 'in use', detail: '' } }, 'SecurityGroupInUse', 'in use'],
  ['ELB v3', { error_code: 'ELB.8907', error_msg: 'conflict', request_id: 'r1' }, 'ELB.8907', 'conflict'],
  ['RDS', { error_code: 'DBS.200022', error_msg: 'exists' }, 'DBS.200022', 'exists'],
  ['CCE', { errorCode: 'CCE.01400007', errorMessage: 'quota' }, 'CCE.01400007', 'quota'],
  [
    'CCE, newer',
    { errorCode: 'CCE.01400001', errorMessage: 'Invalid request.', error_msg: 'Request is invalid', message: 'Need authorize CCE to op' },
    'CCE.01400001',
    'Request is invalid Need authorize CCE to op',
  ],
  ['CCE, the same twice', { errorCode: 'CCE.1', errorMessage: 'No. It is busy.', message: 'It is busy.' }, 'CCE.1', 'No. It is busy.'],
  ['ECS v1', { error: { message: 'illegal', code: 'Ecs.0005' } }, 'Ecs.0005', 'illegal'],
  ['Nova', { conflictingRequest: { message: 'exists', code: 409 } }, '409', 'exists'],
  ['none', undefined, undefined, undefined],
];

for (const [name, body, code, message] of shapes) {
  test(`shape of ${name}`, () => {
    const text = errorText(body);
    assert.equal(text.code, code);
    assert.equal(text.message, message);
  });
}

const answer = { method: 'POST', path: '/x', status: 400, headers: {}, unclear: false };

test('the message names service, words, numbers, request and call', () => {
  const fault = refused({
    ...answer,
    service: 'rds',
    status: 409,
    headers: { 'x-request-id': 'abc' },
    body: { error_code: 'DBS.200022', error_msg: 'It exists.' },
  });
  assert.equal(fault.message, 'RDS: It exists. (409, DBS.200022, request abc; POST /x)');
  assert.deepEqual([fault.status, fault.code, fault.requestId], [409, 'DBS.200022', 'abc']);
});

test('numbers that the message names are not told a second time', () => {
  const body = { error_code: 'DBS.200022', error_msg: 'It exists.' };
  const fault = refused({ ...answer, service: 'rds', status: 409, headers: { 'x-request-id': 'abc' }, body });
  assert.deepEqual(unsaid(fault), { service: '', requestId: undefined });
  assert.equal(faultText(fault).split('\n')[0], 'RDS: It exists. (409, DBS.200022, request abc; POST /x)');
  const bare = new Fault('refused', { status: 400, code: 'X.1', requestId: 'r' });
  assert.deepEqual(unsaid(bare), { service: '400 X.1', requestId: 'r' });
});

test('the request id of the body counts where no header has one', () => {
  assert.equal(refused({ ...answer, service: 'elb', body: { error_code: 'ELB.1', error_msg: 'm', request_id: 'r7' } }).requestId, 'r7');
});

test('known causes carry what to do', () => {
  const hint = (service: Parameters<typeof refused>[0]['service'], status: number, body: unknown): string =>
    refused({ ...answer, service, status, body }).hint ?? '';
  assert.match(hint('cce', 400, { message: 'Please authorize CCE first' }), /cce_admin_trust/);
  assert.match(hint('cce', 400, { errorCode: 'CCE.01400007', errorMessage: 'x' }), /quota/i);
  assert.match(hint('vpc', 409, { code: 'VPC.0999', message: "Quota exceeded for resources: ['router']" }), /quota/i);
  assert.match(hint('rds', 400, { error_code: 'DBS.280450', error_msg: 'x' }), /Sold out/);
  assert.match(hint('nat', 403, { error_code: 'NAT.1', error_msg: 'x' }), /NAT Gateway Administrator/);
  assert.match(hint('rds', 401, { error_code: 'APIG.0307', error_msg: 'The token must be updated' }), /expired/);
  assert.match(hint('cce', 500, { errorCode: 'CCE.01500001', errorMessage: 'x' }), /Run again/);
  assert.match(hint('rds', 400, { error_code: 'DBS.280001', error_msg: 'x' }), /does not accept.*run again/);
});

test('one code of CCE for what it forbids: its words tell a cluster that is worked on from a permission', () => {
  const hint = (message: string): string =>
    refused({ ...answer, service: 'cce', status: 403, body: { errorCode: 'CCE.01403001', errorMessage: message } }).hint ?? '';
  for (const busy of [
    'The cluster [shop-cce] is Creating, the operation is not allowed now.',
    'The cluster [x] is being deleted.',
    'Cluster is busy.',
  ]) {
    assert.match(hint(busy), /at work on the cluster[\s\S]*Run again/, busy);
    assert.doesNotMatch(hint(busy), /permission|Administrator/, busy);
  }
  assert.match(hint('Deletion protection is enabled for the cluster [x].'), /deletion protection .* off/);
  const lacking = hint("Policy doesn't allow cce:cluster:create to be performed.");
  assert.match(lacking, /lacks a permission for CCE.*"CCE Administrator"/);
  assert.doesNotMatch(lacking, /at work/);
  assert.match(hint('Forbidden.'), /at work on the cluster, and to a user who lacks a permission.*"CCE Administrator"/);
});
