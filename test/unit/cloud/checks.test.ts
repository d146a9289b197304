/** Owns the proof of what is read and judged without OTC's services: delegation, certificates, credentials, offers, creation, lock texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Creation, createOnce, theExisting, theOne } from '../../../src/cloud/context.ts';
import { authorities } from '../../../src/cloud/database-ca.ts';
import { refuseOther } from '../../../src/cloud/delegation.ts';
import { type DelegationPort, delegationOf } from '../../../src/cloud/delegation-query.ts';
import { credentials } from '../../../src/cloud/kubeconfig.ts';
import { fitting, lockIn, lockText } from '../../../src/cloud/lock.ts';
import { covers, offered } from '../../../src/cloud/preflight-checks.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { ServiceFault } from '../../../src/otc/errors.ts';
import { redact } from '../../../src/secret.ts';
import { authorityPem } from './authority.ts';
import { run } from './stack.ts';

const OTC = ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'];

/** The name space: who serves what, and what each server says. */
function names(served: Record<string, string[]>, says: Record<string, string[] | Error>): DelegationPort & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    nameServers: async (zone) => served[zone] ?? [],
    addresses: async (host) => [host.replace('ns', '192.0.2.')],
    ask: async (server, zone) => {
      asked.push(`${server} ${zone}`);
      const answer = says[server];
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer');
      return answer;
    },
  };
}

test('the parent is asked itself, and the first that serves counts as parent', async () => {
  const port = names({ com: ['ns1'] }, { '192.0.2.1': ['NS2.open-telekom-cloud.com.', 'ns1.open-telekom-cloud.com'] });
  assert.deepEqual(await delegationOf('shop.example.com', port), { nameServers: OTC, parent: 'com' });
  assert.deepEqual(port.asked, ['192.0.2.1 shop.example.com']);
});

test('a sub-zone below a zone of another project: that zone’s servers are asked, and what they say is what counts', async () => {
  const above = { 'example.com': ['ns1'], com: ['ns2'] };
  const unset = await delegationOf('iam.example.com', names(above, { '192.0.2.1': [], '192.0.2.2': OTC }));
  assert.deepEqual(unset, { nameServers: [], parent: 'example.com' });
  assert.throws(
    () => refuseOther('iam.example.com', unset, OTC),
    (error) => error instanceof Fault && /not delegated to anybody \(by the servers of example\.com\)/.test(error.message),
  );
  const set = await delegationOf('iam.example.com', names(above, { '192.0.2.1': OTC }));
  refuseOther('iam.example.com', set, OTC);
});

test('one silent server does not matter; where all are silent the resolver is asked', async () => {
  const half = names({ com: ['ns1', 'ns2'] }, { '192.0.2.2': OTC });
  assert.equal((await delegationOf('example.com', half)).parent, 'com');
  const silent = names({ com: ['ns1'], 'example.com': OTC }, {});
  assert.deepEqual(await delegationOf('example.com', silent), { nameServers: OTC, parent: undefined });
});

test('anything but exactly our servers stops, with the records to set', () => {
  refuseOther('example.com', { nameServers: OTC, parent: 'com' }, OTC);
  for (const nameServers of [[], OTC.slice(0, 1), [...OTC, 'ns.old.test'], ['ns.old.test']]) {
    assert.throws(
      () => refuseOther('example.com', { nameServers, parent: 'com' }, OTC),
      (error) => error instanceof Fault && OTC.every((server) => error.hint?.includes(`example.com. NS ${server}.`)),
    );
  }
});

test('authorities: repeats and expired ones are dropped, none or only expired is a fault', async () => {
  const [good, old, leaf] = await Promise.all([authorityPem(), authorityPem({ name: 'CN=Old', from: -9, to: -2 }), authorityPem({ ca: false })]);
  const found = authorities([`${good}${old}`, good, leaf], new Date());
  assert.equal(found.pem.match(/BEGIN CERTIFICATE/g)?.length, 1);
  assert.deepEqual(found.subjects, ['CN=Test CA']);
  assert.throws(() => authorities([old], new Date()), /expired: CN=Old/);
  assert.throws(() => authorities([leaf, 'nothing'], new Date()), /no certificate authority/);
  assert.throws(() => authorities(['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'], new Date()), /cannot be read/);
});

test('credentials: the verified context, every leaf masked', () => {
  const base64 = (text: string): string => Buffer.from(`-----BEGIN X-----\n${text}\n-----END X-----\n`).toString('base64');
  const [ca, cert, key] = [base64('authority-of-the-cluster'), base64('certificate-of-client'), base64('private-key-of-client')];
  const answer = {
    clusters: [
      { name: 'internalCluster', cluster: { server: 'https://10.0.0.1:5443', 'certificate-authority-data': ca } },
      { name: 'externalCluster', cluster: { server: 'https://80.158.0.1:5443', 'insecure-skip-tls-verify': true } },
      { name: 'externalClusterTLSVerify', cluster: { server: 'https://80.158.0.1:5443', 'certificate-authority-data': ca } },
    ],
    users: [{ name: 'user', user: { 'client-certificate-data': cert, 'client-key-data': key } }],
    contexts: ['internal', 'external', 'externalTLSVerify'].map((name) => ({
      name,
      context: { cluster: name.replace('ternal', 'ternalCluster'), user: 'user' },
    })),
  };
  const found = credentials(answer, 'externalTLSVerify', 'c');
  assert.deepEqual(found, { server: 'https://80.158.0.1:5443', certificateAuthority: ca, clientCertificate: cert, clientKey: key });
  assert.doesNotMatch(redact(`${cert} ${key} private-key-of-client`), /private-key|[A-Za-z0-9+/]{20}/);
  assert.equal(redact('-----BEGIN X-----'), '-----BEGIN X-----');
  assert.throws(() => credentials(answer, 'external', 'c'), /incomplete/);
  assert.throws(() => credentials({ ...answer, contexts: answer.contexts.slice(0, 1) }, 'externalTLSVerify', 'c'), /only internal/);
});

test('offers of a server flavor by zone', () => {
  const flavor = (specs: Record<string, string>): { id: string; vcpus: string; ram: number; os_extra_specs: Record<string, string> } => ({
    id: 'f',
    vcpus: '2',
    ram: 8192,
    os_extra_specs: specs,
  });
  const both = flavor({ 'cond:operation:status': 'normal', 'cond:operation:az': 'eu-de-01(normal),eu-de-02(sellout)' });
  assert.deepEqual(
    ['eu-de-01', 'eu-de-02', 'eu-de-03'].map((zone) => offered(both, zone)),
    [true, false, true],
  );
  assert.equal(offered(flavor({ 'cond:operation:status': 'abandon', 'cond:operation:az': 'eu-de-01(normal)' }), 'eu-de-02'), false);
  assert.equal(offered(flavor({}), 'eu-de-01'), true);
});

test('versions by the patterns of add-ons', () => {
  assert.deepEqual(
    ['v1.31', 'v1.33', 'v1.34'].map((version) => covers('v1.3(1|2|3).*', version)),
    [true, true, false],
  );
  assert.equal(covers('v1.(?P<bad', 'v1.31'), true);
});

test('two of a name, and a missing existing one, are faults that list what is there', () => {
  assert.throws(() => theOne([{ id: 'a' }, { id: 'b' }], 'EIP x', ({ id }) => id), /2 of EIP x: a, b/);
  const read = { id: (one: { id: string; name: string }) => one.id, name: (one: { id: string; name: string }) => one.name };
  const all = [
    { id: '1', name: 'one' },
    { id: '2', name: 'two' },
  ];
  assert.equal(theExisting(all, { id: '2' }, 'VPC', read).name, 'two');
  assert.throws(
    () => theExisting(all, { name: 'three' }, 'VPC', read),
    (error) => error instanceof Fault && /one \(1\), two \(2\)/.test(error.hint ?? ''),
  );
});

const quick = { ...run, signal: AbortSignal.timeout(60_000) };
const unclear = new ServiceFault('cut off', 'vpc', true, {});
const creation = (more: Partial<Creation<string>>): Creation<string> => ({
  what: 'x',
  create: async () => 'made',
  look: async () => undefined,
  ...more,
});

test('created once: an unclear end is looked into before it is repeated', async () => {
  let creates = 0;
  const create = async (): Promise<string> => {
    creates += 1;
    throw unclear;
  };
  assert.equal(await createOnce(creation({ create, look: async () => 'found' }), quick), 'found');
  assert.equal(creates, 1);
});

test('created once: "already there" leads to what is there, other refusals are told', async () => {
  const refusing =
    (code: string): Creation<string>['create'] =>
    async () => {
      throw new ServiceFault('no', 'vpc', false, { code });
    };
  assert.equal(await createOnce(creation({ create: refusing('VPC.0115'), look: async () => 'found', exists: ['VPC.0115'] }), quick), 'found');
  await assert.rejects(createOnce(creation({ create: refusing('VPC.0115'), exists: ['VPC.0115'] }), quick), ServiceFault);
  await assert.rejects(createOnce(creation({ create: refusing('VPC.0114') }), quick), ServiceFault);
});

test('the lock is read back from a description', () => {
  const until = new Date('2026-01-01T10:00:00Z');
  const text = lockText('Managed by zitadel-on-otc, stack shop', 'octo/shop run 42', until);
  assert.deepEqual(lockIn(text), { holder: 'octo/shop run 42', until: until.getTime() });
  const plain = `Managed by zitadel-on-otc, stack ${'s'.repeat(30)}`;
  const long = `${'o'.repeat(39)}/${'r'.repeat(100)} run 123456789012 job ${'j'.repeat(100)}`;
  const one = lockText(plain, fitting(plain, `${long}1`), until);
  assert.ok(one.length <= 255, `${one.length}`);
  assert.equal(lockIn(one)?.until, until.getTime(), 'a long name does not hide the lock');
  assert.notEqual(fitting(plain, `${long}1`), fitting(plain, `${long}2`));
  assert.equal(lockIn('Managed by zitadel-on-otc, stack shop'), undefined);
  assert.equal(lockIn(undefined), undefined);
});
