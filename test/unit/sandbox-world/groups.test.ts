/** Security groups decide as the cloud's do: rules, priorities, groups as remote, egress of the source. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PortRow, SecurityGroupRuleRow, VpcRow } from '../../../sandbox/otc/tables/network.ts';
import { inRange, isInside, isPrivate, type Landscape, permitted } from '../../../sandbox/world/groups.ts';

let number = 0;
const rule = (group: string, more: Partial<SecurityGroupRuleRow> = {}): SecurityGroupRuleRow => ({
  id: `r${number++}`,
  security_group_id: group,
  direction: 'ingress',
  ethertype: 'IPv4',
  protocol: 'tcp',
  port_range_min: 5432,
  port_range_max: 5432,
  remote_ip_prefix: null,
  remote_group_id: null,
  remote_address_group_id: null,
  description: null,
  action: 'allow',
  priority: 1,
  tenant_id: 'p',
  created_at: '',
  updated_at: '',
  ...more,
});
const port = (address: string, groups: readonly string[]): PortRow =>
  ({
    id: address,
    vpc_id: 'v',
    fixed_ips: [{ subnet_id: 's', ip_address: address }],
    security_groups: groups,
    port_security_enabled: true,
  }) as unknown as PortRow;
const everythingOut = (group: string): SecurityGroupRuleRow =>
  rule(group, { direction: 'egress', protocol: null, port_range_min: null, port_range_max: null });
const landscape = (rules: readonly SecurityGroupRuleRow[], ports: readonly PortRow[] = []): Landscape => ({
  rules,
  ports,
  vpcs: [{ id: 'v', cidr: '10.20.0.0/16', extend_cidrs: [] } as unknown as VpcRow],
  subnets: [],
  containerRanges: [{ vpcId: 'v', cidr: '172.16.0.0/16' }],
});
const ask = (source: string, port_ = 5432) => ({ source, groups: ['db'], port: port_, protocol: 'tcp' as const, target: '10.20.16.5' });

describe('security groups', () => {
  const client = port('10.20.0.9', ['client']);

  it('refuse what no rule allows', () => {
    assert.equal(permitted(ask('10.20.0.9'), landscape([])), false);
    assert.equal(permitted(ask('10.20.0.9', 22), landscape([rule('db', { remote_ip_prefix: '10.20.0.0/16' })])), false);
  });

  it('allow by address range, also single addresses, for sources that are no port of the cloud', () => {
    const open = landscape([rule('db', { remote_ip_prefix: '172.16.0.0/16' }), rule('db', { remote_ip_prefix: '192.0.2.10' })]);
    assert.equal(permitted(ask('172.16.4.5'), open), true);
    assert.equal(permitted(ask('192.0.2.10'), open), true);
    assert.equal(permitted(ask('192.0.2.11'), open), false);
  });

  it('allow by group: only members of the remote group', () => {
    const rules = [rule('db', { remote_group_id: 'client' }), everythingOut('client'), everythingOut('other')];
    assert.equal(permitted(ask('10.20.0.9'), landscape(rules, [client])), true);
    assert.equal(permitted(ask('10.20.0.8'), landscape(rules, [port('10.20.0.8', ['other'])])), false);
  });

  it('ask the egress rules of the source too', () => {
    const rules = [rule('db', { remote_group_id: 'client' })];
    assert.equal(permitted(ask('10.20.0.9'), landscape(rules, [client])), false);
    const toDatabase = rule('client', { direction: 'egress', remote_group_id: 'db' });
    assert.equal(permitted(ask('10.20.0.9'), landscape([...rules, toDatabase], [client])), true);
    const elsewhere = rule('client', { direction: 'egress', remote_ip_prefix: '10.99.0.0/16' });
    assert.equal(permitted(ask('10.20.0.9'), landscape([...rules, elsewhere], [client])), false);
  });

  it('a rule that was put in without its optional fields stands for any of them', () => {
    const {
      protocol: _protocol,
      remote_group_id: _group,
      remote_address_group_id: _addresses,
      ...bare
    } = rule('db', { remote_ip_prefix: '0.0.0.0/0' });
    assert.equal(permitted(ask('192.0.2.10'), landscape([bare as ReturnType<typeof rule>])), true);
  });

  it('decide by priority, and for refusal where it is equal', () => {
    const allow = rule('db', { remote_ip_prefix: '0.0.0.0/0', priority: 5 });
    assert.equal(permitted(ask('192.0.2.10'), landscape([allow, rule('db', { action: 'deny', priority: 10 })])), true);
    assert.equal(permitted(ask('192.0.2.10'), landscape([allow, rule('db', { action: 'deny', priority: 1 })])), false);
    assert.equal(permitted(ask('192.0.2.10'), landscape([allow, rule('db', { action: 'deny', priority: 5 })])), false);
  });

  it('know protocols by number, any protocol, several ports, ranges and 0 for no port', () => {
    for (const more of [
      { protocol: '6' },
      { protocol: null },
      { multiport: '22,5000-6000' },
      { port_range_min: 5000, port_range_max: 6000 },
      { port_range_min: 0, port_range_max: 0 },
      { port_range_min: null, port_range_max: null },
    ]) {
      assert.equal(permitted(ask('192.0.2.10'), landscape([rule('db', more)])), true, JSON.stringify(more));
    }
    for (const more of [{ protocol: 'udp' }, { multiport: '22,80' }, { ethertype: 'IPv6' as const }, { port_range_min: 22, port_range_max: null }]) {
      assert.equal(permitted(ask('192.0.2.10'), landscape([rule('db', more)])), false, JSON.stringify(more));
    }
  });

  it('know who is inside a VPC: its ranges and those of pods, nobody else', () => {
    const there = landscape([]);
    assert.equal(isInside('10.20.255.1', 'v', there), true);
    assert.equal(isInside('172.16.9.9', 'v', there), true);
    assert.equal(isInside('10.21.0.1', 'v', there), false);
    assert.equal(isInside('10.20.0.1', 'w', there), false);
    assert.equal(isPrivate('172.31.0.1') && !isPrivate('172.32.0.1') && !isPrivate('203.0.113.9'), true);
    assert.equal(inRange('10.0.0.1', '::/0'), false);
  });
});
