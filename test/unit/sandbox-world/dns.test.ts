/** What the cloud's name servers, the servers above them and a resolver answer. */
import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { describe, it } from 'node:test';
import { Store } from '../../../sandbox/otc/store.ts';
import type { RecordSetRow, ZoneRow } from '../../../sandbox/otc/tables/network.ts';
import { names } from '../../../sandbox/world/dns/names.ts';
import { DnsServer } from '../../../sandbox/world/dns/server.ts';
import { txtStrings } from '../../../sandbox/world/dns/zones.ts';

function world(undelegated = false) {
  const store = new Store((error) => {
    throw error;
  });
  const zones = store.table<ZoneRow>('dns.zones');
  const sets = store.table<RecordSetRow>('dns.recordsets');
  const zone = (name: string, status: ZoneRow['status'] = 'ACTIVE'): void => {
    zones.insert({ id: name, name, zone_type: 'public', status, email: 'host@example.com', serial: 3, ttl: 300 } as unknown as ZoneRow);
    set(name, name, 'NS', ['ns1.open-telekom-cloud.com.', 'ns2.open-telekom-cloud.com.']);
  };
  const set = (zoneName: string, name: string, type: string, records: string[], more: Partial<RecordSetRow> = {}): void => {
    sets.insert({ id: `${name} ${type}`, zone_id: zoneName, name, type, records, ttl: 60, status: 'ACTIVE', ...more } as unknown as RecordSetRow);
  };
  const delegate = (domain: string, value: unknown): void => {
    store.table<{ readonly id: string; readonly value: unknown }>('world.switches').insert({ id: `delegation:${domain}`, value });
  };
  return { store, zone, set, delegate, ...names(store, (host) => host === 'get.helm.sh', undelegated) };
}
const data = (answers: readonly unknown[]): unknown[] => answers.map((answer) => (answer as { readonly data: unknown }).data);

describe('names', () => {
  it('lead sites to the TLS server and unknown hosts nowhere', () => {
    const { resolve } = world();
    assert.deepEqual(data(resolve({ name: 'GET.helm.sh.', type: 'A' }).answers), ['198.18.0.1']);
    assert.deepEqual(resolve({ name: 'get.helm.sh', type: 'AAAA' }).rcode, 'NOERROR');
    assert.equal(resolve({ name: 'www.t-systems.com', type: 'A' }).rcode, 'NXDOMAIN');
  });

  it('of a created zone are answered once it is active, with wildcards, aliases and cuts', () => {
    const { zone, set, cloud, resolve } = world();
    zone('example.com.');
    set('example.com.', 'login.example.com.', 'A', ['203.0.113.5']);
    set('example.com.', '*.example.com.', 'A', ['203.0.113.6']);
    set('example.com.', 'www.example.com.', 'CNAME', ['login.example.com.']);
    set('example.com.', 'new.example.com.', 'A', ['203.0.113.7'], { status: 'PENDING_CREATE' });
    set('example.com.', 'sub.example.com.', 'NS', ['ns.elsewhere.test.']);
    assert.deepEqual(data(resolve({ name: 'login.example.com', type: 'A' }).answers), ['203.0.113.5']);
    assert.deepEqual(data(resolve({ name: 'any.example.com', type: 'A' }).answers), ['203.0.113.6']);
    assert.deepEqual(data(resolve({ name: 'www.example.com', type: 'A' }).answers), ['login.example.com', '203.0.113.5']);
    assert.deepEqual(data(cloud({ name: 'new.example.com', type: 'A' }).answers), ['203.0.113.6'], 'a pending record is not served');
    assert.deepEqual(cloud({ name: 'login.example.com', type: 'TXT' }).answers, []);
    assert.equal(cloud({ name: 'login.example.com', type: 'TXT' }).authorities[0]?.type, 'SOA');
    assert.equal(cloud({ name: 'x.sub.example.com', type: 'A' }).authorities[0]?.type, 'NS');
    assert.equal(cloud({ name: 'example.net', type: 'A' }).rcode, 'REFUSED');
  });

  it('keep the former records while an update is pending', () => {
    const { zone, set, resolve } = world();
    zone('example.com.');
    set('example.com.', 'a.example.com.', 'A', ['203.0.113.9'], { status: 'PENDING_UPDATE', served: { ttl: 5, records: ['203.0.113.8'] } });
    const [answer] = resolve({ name: 'a.example.com', type: 'A' }).answers;
    assert.deepEqual([(answer as { data: string }).data, (answer as { ttl: number }).ttl], ['203.0.113.8', 5]);
  });

  it('of a prepared domain without its zone fail, as lame delegations do', () => {
    assert.equal(world().resolve({ name: 'login.example.com', type: 'A' }).rcode, 'SERVFAIL');
  });

  it('are referred from above to whom the domain is delegated', () => {
    const { zone, delegate, parent, resolve } = world();
    zone('example.com.');
    zone('firm.de.');
    delegate('other.de', 'other');
    delegate('mixed.de.', 'mixed');
    delegate('gone.de', false);
    const referral = parent({ name: 'login.example.com', type: 'A' });
    assert.deepEqual([referral.authoritative, referral.answers], [false, []]);
    assert.deepEqual(data(referral.authorities), ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com']);
    assert.deepEqual(data(referral.additionals), ['198.18.0.53', '198.18.0.54']);
    assert.equal((parent({ name: 'id.firm.de', type: 'NS' }).authorities[0] as { name: string }).name, 'firm.de');
    assert.deepEqual(data(parent({ name: 'a.other.de', type: 'NS' }).authorities), ['ns1.registrar.example', 'ns2.registrar.example']);
    assert.equal(data(resolve({ name: 'mixed.de', type: 'NS' }).answers).length, 0, 'lame: no zone there');
    assert.equal(parent({ name: 'gone.de', type: 'NS' }).rcode, 'NXDOMAIN');
    assert.deepEqual(data(resolve({ name: 'de', type: 'NS' }).answers), ['a.nic.de']);
    assert.deepEqual(data(resolve({ name: 'a.nic.de', type: 'A' }).answers), ['198.18.0.55']);
  });

  it('point nowhere where nothing is delegated', () => {
    const { zone, set, resolve, cloud, delegate } = world(true);
    zone('example.com.');
    set('example.com.', 'login.example.com.', 'A', ['203.0.113.5']);
    assert.equal(resolve({ name: 'login.example.com', type: 'A' }).rcode, 'NXDOMAIN');
    assert.equal(cloud({ name: 'login.example.com', type: 'A' }).rcode, 'NOERROR');
    delegate('example.com', 'otc');
    assert.equal(resolve({ name: 'login.example.com', type: 'A' }).rcode, 'NOERROR');
  });

  it('refuse a switch that means nothing', () => {
    const { delegate, resolve } = world();
    delegate('example.com', 'perhaps');
    assert.throws(() => resolve({ name: 'example.com', type: 'NS' }), /none of otc, other, mixed, none/);
  });

  it('in TXT records carry their own quotes', () => {
    assert.deepEqual(txtStrings('"v=spf1 -all"'), ['v=spf1 -all']);
    assert.deepEqual(txtStrings('"a\\"b" "c"'), ['a"b', 'c']);
    assert.deepEqual(txtStrings('bare'), ['bare']);
  });

  it('travel over UDP, and over TCP where they are large', async () => {
    const { zone, set, resolve } = world();
    zone('example.com.');
    set(
      'example.com.',
      'big.example.com.',
      'TXT',
      Array.from({ length: 20 }, (_, index) => `"${String(index).repeat(100)}"`),
    );
    const server = new DnsServer(resolve, {
      recursive: true,
      failed: (error) => {
        throw error;
      },
    });
    const port = await server.listen('127.0.0.1', 0);
    try {
      const resolver = new Resolver({ timeout: 2000, tries: 1 });
      resolver.setServers([`127.0.0.1:${port}`]);
      assert.equal((await resolver.resolveTxt('big.example.com')).length, 20);
      assert.equal((await resolver.resolveNs('example.com')).length, 2);
      await assert.rejects(resolver.resolve4('nothing.test'), { code: 'ENOTFOUND' });
    } finally {
      await server.close();
    }
  });
});
