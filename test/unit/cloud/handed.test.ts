/** Owns the proof of credentials for pods: they are tried once, and before anything is made or overwritten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudContext, Handed } from '../../../src/cloud/context.ts';
import { prove } from '../../../src/cloud/handed.ts';
import type { Fault } from '../../../src/engine/fault.ts';
import { handedOf } from '../../../src/run/ready.ts';
import { Secret } from '../../../src/secret.ts';
import { cloudWorld, type Ran } from './cloud-world.ts';
import { stack as plainStack } from './stack.ts';

const { deploy, emulator, go, rows, writes } = cloudWorld();

/** Where this tenant's session manages DNS. */
const stack = { dns: { ...plainStack.dns, project: 'eu-de_zitadel' } };

interface KeyRow {
  readonly id: string;
  readonly secret: string;
  readonly user_id: string;
}

const keyOf = (name: string): NonNullable<Handed['solver']> => {
  const user = rows<{ id: string; name: string }>('iam.users').find((one) => one.name === name);
  const key = rows<KeyRow>('iam.credentials').find(({ user_id }) => user_id === user?.id);
  assert.ok(key);
  return { accessKey: key.id, secretKey: new Secret(key.secret) };
};
const wrong = (): Handed => ({ solver: { ...keyOf('ci-user'), secretKey: new Secret('B'.repeat(40)) } });
const preflight = ({ outcomes }: Ran) => outcomes.find(({ id }) => id === 'project/preflight');
const refusals = (): number => emulator().requests.filter(({ status }) => status === 401).length;

test('a key that does not hold is said before anything is made, with its inputs; it is tried once, however often it is asked for', async () => {
  for (const handed of [wrong(), { solver: { accessKey: 'NOSUCHKEYNOSUCHKEYAA', secretKey: new Secret('B'.repeat(40)) } }]) {
    const before = refusals();
    const planned = preflight(await go({ stack, write: false, handed }));
    const { fault } = preflight(await go({ stack, handed })) ?? {};
    assert.equal(fault?.message, planned?.fault?.message);
    assert.match(
      fault?.message ?? '',
      /acme-access-key and acme-secret-key: sign-in refused: IAM: .*APIG\.0301.*DNS Administrator in project eu-de_zitadel/s,
    );
    assert.equal(refusals() - before, 1, 'more would lock the key');
  }
  assert.deepEqual(writes(), []);
});

test('a user that does not hold is said as well, and what gets no answer stops nothing', async () => {
  const externalDns = { username: 'nobody', password: new Secret('not-its-password'), domainName: 'OTC00000000001000000001' };
  assert.match(
    preflight(await go({ stack, write: false, handed: { externalDns } }))?.fault?.message ?? '',
    /external-dns cannot work as the user nobody/,
  );
  emulator().broken.push({ fits: /iam\.eu-de.*\/auth\/tokens/, status: 503 });
  const silent = preflight(await go({ stack, write: false, handed: { externalDns: { ...externalDns } } }));
  assert.match(silent?.note ?? '', /not checked: external-dns's user \(/);
});

test('on a living stack they are proved for check alone, and cost nothing else', async () => {
  await deploy();
  const plain = await go({ stack, write: false });
  const unasked = await go({ stack, write: false, handed: wrong() });
  assert.equal(preflight(unasked)?.verdict, 'unchanged');
  assert.equal(unasked.otc.calls, plain.otc.calls);
  assert.match(preflight(await go({ stack, write: false, handed: wrong(), checks: true }))?.fault?.message ?? '', /acme-access-key/);
  const right = await go({ stack, write: false, handed: { solver: keyOf('ci-reader') }, checks: true });
  assert.equal(preflight(right)?.verdict, 'unchanged', preflight(right)?.fault?.message);
});

test('a key that may not read DNS lacks a role, one of another tenant sees other zones', async () => {
  await deploy();
  const { context } = await go({ stack, write: false });
  const solver = keyOf('ci-reader');
  const said = async (stranger: Partial<CloudContext> = {}): Promise<string> => {
    const failed = (error: Fault): string => `${error.message}. ${error.hint}`;
    return prove({ ...context, ...stranger, handed: { solver: { ...solver } } }, 'solver').then(() => '', failed);
  };
  assert.equal(await said(), '');
  const elsewhere = { projectId: 'theirs', dnsHome: async () => elsewhere, ports: context.otc.ports } as unknown as CloudContext['otc'];
  assert.match(await said({ otc: elsewhere }), /belongs to another tenant: its project eu-de_zitadel is \w+, not theirs/);
  emulator().strike = async ({ asked }, ask) =>
    /dns\..*zones/.test(asked.url) && JSON.stringify(asked.headers).includes(solver.accessKey)
      ? { status: 403, headers: {}, body: Buffer.from(JSON.stringify({ code: 'DNS.0030', message: 'No permission.' })) }
      : ask();
  assert.match(await said(), /acme-secret-key: it lacks the role DNS Administrator in project eu-de_zitadel: DNS: No permission\. \(403, DNS\.0030/);
});

test('the key or user that a run has signed in with is proven, another one is not', () => {
  const key = { accessKey: 'AK', secretKey: new Secret('secret-of-a-key') };
  const user = { username: 'u', password: new Secret('password-of-u'), domainName: 'd' };
  const given = (more: object): Handed => handedOf(more as unknown as Parameters<typeof handedOf>[0]);
  const sameKey = { ...key, secretKey: new Secret('secret-of-a-key') };
  assert.equal(given({ acme: sameKey, credentials: { kind: 'access-key', ...key } }).solver, undefined);
  const others = [
    { kind: 'access-key', ...key, securityToken: new Secret('temporary-token') },
    { kind: 'access-key', ...key, secretKey: new Secret('another-secret') },
    { kind: 'password', ...user },
  ];
  for (const credentials of others) assert.equal(given({ acme: sameKey, credentials }).solver, sameKey);
  assert.equal(given({ externalDns: { ...user }, credentials: { kind: 'password', ...user } }).externalDns, undefined);
  assert.ok(given({ externalDns: { ...user, username: 'v' }, credentials: { kind: 'password', ...user } }).externalDns);
});
