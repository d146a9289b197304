/** The bastion's parts that are pure: what it is told at boot, how a living one differs, this run's address, its door's mark. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { parse } from 'yaml';
import { type BastionSeen, type BastionSpec, bastionChanges } from '../../../src/cloud/bastion.ts';
import { bastionAccess } from '../../../src/cloud/bastion-access.ts';
import { bastionCost } from '../../../src/cloud/bastion-cost.ts';
import { bastionDescription, marksIn, setupMarks, sshdSettings, userData } from '../../../src/cloud/bastion-setup.ts';
import { cloudResources } from '../../../src/cloud/index.ts';
import { admits, runnerAddress } from '../../../src/cloud/runner-address.ts';
import { doorMark, isDoor } from '../../../src/cloud/runner-door.ts';
import { Fault, NotLooked } from '../../../src/engine/fault.ts';
import { creation, outcomeOf } from '../../../src/engine/visiting.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { listPublicImages } from '../../../src/otc/ims.ts';
import { Secret } from '../../../src/secret.ts';
import { bastionKeys } from '../../../src/stack/ssh-keys.ts';
import { contextFor, stack } from './stack.ts';

const keys = bastionKeys(new Secret(Buffer.alloc(32, 5).toString('base64url')));
const others = bastionKeys(new Secret(randomBytes(32).toString('base64url')));
const setup = { target: '10.20.0.5:5443', image: 'Standard_Debian_12_latest', idleMinutes: 15 };

it('keys: the same from the same seed, in the forms that ssh-keygen prints for this seed', () => {
  const again = bastionKeys(new Secret(Buffer.alloc(32, 5).toString('base64url')));
  assert.equal(again.client.publicLine, keys.client.publicLine);
  assert.notEqual(keys.client.publicBlob, keys.host.publicBlob);
  assert.match(keys.host.publicLine, /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\S{43} zitadel-on-otc$/);
  assert.match(keys.host.fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.equal(String(keys.client.privateKey), '***');
});

it('user data: YAML with one account, one key for one target, and the derived host key; nothing secret but that', () => {
  const text = userData(setup, keys);
  assert.ok(text.startsWith('#cloud-config\n') && Buffer.byteLength(text) < 32 * 1024);
  const config = parse(text);
  assert.deepEqual(
    config.users.map(({ name }: { name: string }) => name),
    ['tunnel'],
  );
  assert.deepEqual(config.users[0].ssh_authorized_keys, [`restrict,port-forwarding,permitopen="10.20.0.5:5443" ${keys.client.publicLine}`]);
  assert.equal(config.ssh_keys.ed25519_private, keys.host.privateKey.open());
  assert.ok(!text.includes(keys.client.privateKey.open().split('\n')[4] ?? ''), 'the client key stays with the run');
  const settings = sshdSettings(setup).split('\n');
  for (const line of ['PermitRootLogin no', 'PasswordAuthentication no', 'PermitOpen 10.20.0.5:5443', 'MaxSessions 0', 'AllowUsers tunnel'])
    assert.ok(settings.includes(line), line);
  const files = config.write_files.map(({ content }: { content: string }) => content);
  assert.deepEqual(files, [sshdSettings(setup), 'ChannelTimeout direct-tcpip=15m\nUnusedConnectionTimeout 15m\n']);
});

it('its image is the newest public one of exactly this name', async () => {
  const images = ['2025-03-01', '2026-03-01', '2024-03-01'].map((created_at) => ({ id: created_at, min_disk: 4, created_at }));
  // A service that sorts as it is asked, and else not.
  const get = async (_service: string, _path: string, { query }: { readonly query: Record<string, string> }) => {
    assert.deepEqual([query['name'], query['visibility'], query['status']], [setup.image, 'public', 'active']);
    const sorted = query['sort_key'] === 'created_at' ? images.toSorted((a, b) => a.created_at.localeCompare(b.created_at)) : images;
    return { images: query['sort_dir'] === 'desc' ? sorted.toReversed() : sorted };
  };
  const [newest] = await listPublicImages({ get } as unknown as Otc, setup.image);
  assert.equal(newest?.id, '2026-03-01');
});

it('its price: the list price where one is on record, else where it stands', () => {
  assert.match(
    bastionCost('eu-de', 's3.medium.1'),
    /^s3\.medium\.1, list price about 0\.05 EUR an hour, 37 EUR a month as of \d{4}-\d\d-\d\d for the server alone; its EIP, its system disk and what it sends are not counted$/,
  );
  assert.match(bastionCost('eu-nl', 's3.medium.1'), /price list of eu-nl/);
  assert.match(bastionCost('eu-de', 's3.large.2'), /^s3\.large\.2, .*price list/);
});

it('its price stands in the plan that would make it and in the facts, not in its title', () => {
  const { bastion } = stack.cluster;
  const { all } = cloudResources(contextFor({ projectId: 'p' } as Otc, { cluster: { ...stack.cluster, access: 'bastion' } }));
  const server = all.find(({ id }) => id === 'bastion/server');
  assert.ok(server !== undefined);
  assert.match(server.title, /^Bastion shop-bastion-\w+$/);
  const cost = bastionCost(stack.region, bastion.flavor);
  assert.equal(creation(server, {}).note, cost);
  const seen = { id: 's', status: 'ACTIVE', addresses: {}, flavor: { id: bastion.flavor } };
  const made = outcomeOf(server, 'create', 0, seen, { done: true });
  assert.deepEqual([made.note, made.facts['flavor']], [undefined, cost]);
});

it('the description fits into what ECS takes, and tells what the server was told', () => {
  const marks = setupMarks(setup, keys);
  const text = bastionDescription('a'.repeat(30), { setup: marks.setup, keys: marks.keys ?? '' });
  assert.ok(text.length <= 85, `${text.length}`);
  assert.deepEqual(marksIn(text), marks);
  assert.deepEqual(marksIn('edited by hand'), { setup: undefined, keys: undefined });
});

const eip = { id: 'e', status: 'ACTIVE', public_ip_address: '203.0.113.9', bandwidth_size: 10 };
const spec: BastionSpec = {
  name: 'shop-bastion-123456',
  flavor: 's3.medium.1',
  zone: 'eu-de-01',
  vpcId: 'v',
  networkId: 'n',
  groupId: 'g',
  eip,
  setup,
  keys,
};
const marks = setupMarks(setup, keys);
const seen: BastionSeen = {
  id: 's',
  name: spec.name,
  status: 'ACTIVE',
  created: '2026-01-01T10:00:00Z',
  description: bastionDescription('shop', { setup: marks.setup, keys: marks.keys ?? '' }),
  flavor: { id: 's3.medium.1' },
  'OS-EXT-AZ:availability_zone': 'eu-de-01',
  security_groups: [{ id: 'g' }],
  addresses: {},
  address: '203.0.113.9',
};

it('differences: what cannot be mended in place is a new server, a stopped one is started, a lost EIP bound', () => {
  const fields = (over: Partial<BastionSeen>, wanted: Partial<BastionSpec> = {}): string[] =>
    bastionChanges({ ...spec, ...wanted }, { ...seen, ...over }).map(({ field, replace }) => `${field}${replace === true ? ' (new)' : ''}`);
  assert.deepEqual(fields({}), []);
  assert.deepEqual(fields({ status: 'SHUTOFF' }), ['status']);
  assert.deepEqual(fields({ address: undefined }), ['EIP']);
  assert.deepEqual(fields({ status: 'ERROR' }), ['status (new)']);
  assert.deepEqual(fields({ security_groups: [{ id: 'g' }, { id: 'x' }] }), ['security groups (new)']);
  assert.deepEqual(fields({}, { flavor: 's3.large.2', zone: 'eu-de-02' }), ['flavor (new)', 'availability zone (new)']);
  assert.deepEqual(fields({}, { zone: 'eu-de-02', zoneFollows: true }), []);
  assert.deepEqual(fields({}, { setup: { ...setup, target: '10.20.0.6:5443' } }), ['setup (new)']);
  assert.deepEqual(fields({}, { setup: { ...setup, idleMinutes: 30 } }), ['setup (new)']);
  assert.deepEqual(fields({}, { setup: { ...setup, image: 'Standard_Ubuntu_22.04_latest' } }), ['setup (new)']);
  assert.throws(() => fields({}, { keys: others }), /made with another stack-secret/);
  assert.deepEqual(fields({}, { keys: undefined }), [], 'without the secret keys are not compared');
  assert.deepEqual(fields({ description: 'by hand' }), ['setup (new)', 'keys (new)']);
  const comparable = (known: BastionSpec['keys']): string[] =>
    bastionChanges({ ...spec, keys: known }, { ...seen, description: '' }).flatMap(({ field, secret }) => (secret === true ? [] : [field]));
  assert.deepEqual(comparable(keys), comparable(undefined), 'the plan digest is the same with and without the secret');
});

it('the way in: a run that must get in and lacks the secret fails, one that looks says why it does not', () => {
  const context = contextFor({ projectId: 'p' } as Otc);
  assert.throws(() => bastionAccess(context, seen), /needs a secret that was not given/);
  assert.throws(() => bastionAccess({ ...context, looksOnly: true }, seen), NotLooked);
  assert.throws(
    () => bastionAccess({ ...context, looksOnly: true }, undefined),
    /bastion that leads to the cluster is not there/,
    'no key would help',
  );
  const complete = { ...context, looksOnly: true, secrets: { bastionKeySeed: new Secret(randomBytes(32).toString('base64url')) } };
  assert.throws(() => bastionAccess(complete, undefined), /the bastion that leads to the cluster is not there/);
  const access = bastionAccess(complete, seen);
  assert.deepEqual([access.host, access.port, access.bootsUntil], ['203.0.113.9', 22, Date.parse('2026-01-01T10:05:00Z')]);
  assert.equal(bastionAccess(complete, { ...seen, startedAt: Date.parse('2026-01-02T10:00:00Z') }).bootsUntil, Date.parse('2026-01-02T10:05:00Z'));
});

it('this run’s address: what the endpoint says, if it is a public IPv4 address', async () => {
  const says = (body: string, status = 200) => runnerAddress('https://ip.example', async () => ({ status, body }));
  assert.equal(await says('198.51.100.7\n'), '198.51.100.7');
  for (const [body, words] of [
    ['2001:db8::1', /IPv6/],
    ['<html>', /did not answer with an address: "<html>"/],
    ['10.0.0.4', /no public address/],
    ['100.64.1.1', /no public address/],
  ] as const)
    await assert.rejects(says(body), words);
  await assert.rejects(says('', 503), /answered 503/);
  const dead = runnerAddress('https://ip.example', async () => {
    throw new Fault('getaddrinfo ENOTFOUND');
  });
  await assert.rejects(dead, /did not answer: getaddrinfo ENOTFOUND/);
});

it('an address is admitted by the networks that contain it', () => {
  assert.ok(admits('198.51.100.0/24', '198.51.100.255') && admits('0.0.0.0/0', '1.2.3.4') && admits('1.2.3.4/32', '1.2.3.4'));
  assert.ok(!admits('198.51.100.0/25', '198.51.100.128') && !admits('', '1.2.3.4') && !admits('::/0', '1.2.3.4'));
});

it('a door’s mark names stack, run and time, within what a rule’s description takes', () => {
  const mark = doorMark('s'.repeat(30), `octo/${'x'.repeat(300)} run 1`, new Date('2026-01-01T10:00:00Z'));
  assert.ok(mark.length <= 255, `${mark.length}`);
  const rule = { id: 'r', security_group_id: 'g', direction: 'ingress', ethertype: 'IPv4' } as const;
  assert.ok(isDoor({ ...rule, description: doorMark('shop', 'octo/shop run 1', new Date()) }, 'shop'));
  assert.ok(!isDoor({ ...rule, description: doorMark('shop-2', 'octo/shop run 1', new Date()) }, 'shop'));
  assert.ok(!isDoor(rule, 'shop') && !isDoor({ ...rule, description: 'office' }, 'shop'));
});
