/** Owns the proof of what `destroy` does to records and the zone: what others have there stays and is named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerId, ownerRecordName, ownerText } from '../../../src/cloud/record-owner.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { byHand, destroying, type Row } from './by-hand.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, stack as ofStack, verdicts } from './stack.ts';

const { deploy, emulator, go, rows, writes } = cloudWorld();
const { table, insert } = byHand(emulator);
const TXT = 'e'.repeat(32);

for (const [whose, text, note] of [
  ['somebody else’s', 'mine', /not made by this action/],
  ['another stack’s', 'Managed by zitadel-on-otc, stack other in eu-de, project PROJECT', /another stack \("Managed by .*, stack other in/],
  ['those of another project’s stack of this name', 'Managed by zitadel-on-otc, stack shop in eu-de, project other', /another stack/],
] as const)
  test(`a record of the domain and a zone stay that are ${whose}`, async () => {
    await deploy();
    const [records, zones] = [table('dns.recordsets'), table('dns.zones')];
    const [record] = records.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
    const [zone] = zones.where(() => true);
    assert.ok(record && zone);
    const description = text.replace('PROJECT', String(zone['project_id']));
    for (const [of, { id }] of [[records, record] as const, [zones, zone] as const]) of.update(id, { description });
    const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
    for (const id of ['dns/record', 'dns/zone']) {
      assert.match(verdict(outcomes, id), /\| kept/);
      assert.match(outcomes.find((one) => one.id === id)?.note ?? '', note);
    }
    assert.ok(records.get(record.id) && zones.get(zone.id));
  });

test('a zone goes with what the stack wrote into it, and with nothing of others: that is named before anything is deleted', async () => {
  await deploy();
  const records = table('dns.recordsets');
  const [record] = records.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(record);
  const put = (id: string, name: string, of: Readonly<Record<string, unknown>>): (() => void) =>
    insert('dns.recordsets', { ...record, description: '', id, name: `${name}example.com.`, ...of });
  const own = [put('challenge', '_acme-challenge.login.', { type: 'TXT', records: ['"x"'] })];
  const theirs = [
    put('legacy', 'legacy.', { description: 'old IdP, do not touch' }),
    put('twin', 'twin.', { description: 'Managed by zitadel-on-otc, stack twin in eu-de, project p' }),
    put('mail', '', { type: 'MX', records: ['10 mail.example.com.'] }),
    put('delegated', 'sub.', { type: 'NS', records: ['ns.example.net.'] }),
  ];
  for (const write of [false, true]) {
    const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, write, journal: journal() });
    const message = outcomes.find(({ id }) => id === 'dns/zone')?.fault?.message ?? '';
    const named = [...message.matchAll(/record set (\S+) (\w+) \((\w+)\)/g)].map(([, name, type, id]) => `${name} ${type} ${id}`);
    const wanted = ['legacy.example.com. A legacy', 'twin.example.com. A twin', 'example.com. MX mail', 'sub.example.com. NS delegated'];
    assert.deepEqual(named.sort(), wanted.sort());
    assert.deepEqual(
      writes().filter((one) => one.startsWith('DELETE')),
      [],
    );
  }
  for (const take of theirs) take();
  const gone = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.deepEqual(verdicts(gone.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual(rows('dns.zones'), []);
  for (const take of own) take();
});

test('a record that was led elsewhere, or that the user keeps, stays and is named with where it leads', async () => {
  for (const [records, stack, said] of [
    [['198.51.100.9'], {}, /leads to 198\.51\.100\.9, not to this stack's load balancer/],
    [undefined, { dns: { ...ofStack.dns, records: 'existing' } }, /dns\.records is existing, so it is yours/],
  ] as const) {
    await deploy();
    const table = emulator().store.table<Row>('dns.recordsets');
    const [record] = table.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
    assert.ok(record);
    if (records !== undefined) table.update(record.id, { records });
    else {
      const { cloud, context } = await go({ write: false });
      assert.match(verdict(await unwalk(cloud.all, { ...destroying, write: false, journal: journal() }), 'dns/record'), /\| delete/);
      const text = ownerText(ownerId(context), 'ingress/zitadel/zitadel');
      table.insert({ ...record, id: TXT, type: 'TXT', name: ownerRecordName(String(record['name'])), records: [text] });
    }
    const { cloud } = await go({ write: false, stack });
    const outcomes = await unwalk(cloud.all, { ...destroying, mayDelete: ({ id }) => id !== 'dns/zone', journal: journal() });
    assert.match(verdict(outcomes, 'dns/record'), /\| kept/);
    assert.match(outcomes.find(({ id }) => id === 'dns/record')?.note ?? '', said);
    assert.ok(table.get(record.id));
    assert.equal(table.get(TXT), undefined, 'external-dns’s mark beside it goes');
    await deploy();
    if (records !== undefined) table.update(record.id, { records });
    const whole = await unwalk(cloud.all, { ...destroying, write: false, journal: journal() });
    assert.match(verdict(whole, 'dns/zone'), /failed \| .*record set login\.example\.com\. A/, 'nor does it go with its zone');
  }
});
