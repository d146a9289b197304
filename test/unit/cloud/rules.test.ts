/** Owns the proof that security group rules are compared as a set, and that only the wanted openings remain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accessChanges, openings } from '../../../src/cloud/api-access.ts';
import { type Rule, ruleChanges, ruleText, seenRuleText } from '../../../src/cloud/rules.ts';
import type { SecurityGroup, SecurityGroupRule } from '../../../src/otc/security-group.ts';

const blank = {
  id: 'r',
  security_group_id: 'g',
  ethertype: 'IPv4',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_group_id: null,
  remote_ip_prefix: null,
} as const;

/** The rule as the service would have it after its creation. */
function stored(rule: Rule, index = 0): SecurityGroupRule {
  const remote = 'group' in rule.remote ? { remote_group_id: rule.remote.group } : { remote_ip_prefix: rule.remote.cidr };
  return { ...blank, id: `r${index}`, direction: rule.direction, protocol: 'tcp', port_range_min: rule.port, port_range_max: rule.port, ...remote };
}

const anyRule: fc.Arbitrary<Rule> = fc.record({
  direction: fc.constantFrom('ingress' as const, 'egress' as const),
  port: fc.constantFrom(22, 5432, 5443),
  remote: fc.oneof(
    fc.constantFrom('a', 'b').map((group) => ({ group })),
    fc.constantFrom('10.0.0.0/8', '0.0.0.0/0').map((cidr) => ({ cidr })),
  ),
});

test('what was stored as wanted is in sync, in any order', () => {
  fc.assert(fc.property(fc.array(anyRule), (rules) => assert.deepEqual(ruleChanges(rules, rules.map(stored).reverse()), [])));
});

test('each missing and each extra rule is one change', () => {
  fc.assert(
    fc.property(fc.array(anyRule), fc.array(anyRule), (wanted, seen) => {
      const [want, have] = [new Set(wanted.map(ruleText)), new Set(seen.map(ruleText))];
      const expected = [...want].filter((text) => !have.has(text)).length + [...have].filter((text) => !want.has(text)).length;
      assert.equal(ruleChanges(wanted, seen.map(stored)).length, expected);
    }),
  );
});

test('the same rule has one text, however the service writes it', () => {
  assert.equal(seenRuleText({ ...blank, direction: 'egress' }), 'egress any any port to 0.0.0.0/0');
  assert.equal(seenRuleText({ ...blank, direction: 'egress', port_range_min: 0, port_range_max: 0 }), 'egress any any port to 0.0.0.0/0');
  assert.equal(seenRuleText({ ...blank, direction: 'egress', ethertype: 'IPv6' }), 'egress any any port to ::/0');
  const open = { ...blank, direction: 'ingress', protocol: 'tcp', port_range_min: 22, port_range_max: 22 } as const;
  assert.equal(seenRuleText(open), seenRuleText({ ...open, remote_ip_prefix: '0.0.0.0/0' }));
  assert.equal(seenRuleText({ ...open, port_range_max: 30 }), 'ingress tcp 22-30 from 0.0.0.0/0');
});

test('access: the open API port and SSH are removed, other rules of the cluster stay', () => {
  const rule = (port: number, cidr: string): SecurityGroupRule => stored({ direction: 'ingress', port, remote: { cidr } });
  const group = (...rules: SecurityGroupRule[]): SecurityGroup => ({ id: 'g', name: 'g', security_group_rules: rules });
  const members = stored({ direction: 'ingress', port: 5443, remote: { group: 'node' } });
  const control = group(rule(5443, '0.0.0.0/0'), rule(5444, '10.0.0.0/16'), members);
  const node = group(rule(22, '0.0.0.0/0'), rule(10250, '10.0.0.0/16'));
  assert.equal(openings(control, 5443).length, 1);
  const wanted: Rule[] = [{ direction: 'ingress', port: 5443, remote: { cidr: '198.51.100.0/24' } }];
  const changes = accessChanges(wanted, { control, node, nodeGroupId: 'n' }, 'shop').map(
    ({ field, before = 'nothing', after = 'nothing' }) => `${field}: ${before} → ${after}`,
  );
  assert.deepEqual(changes, [
    'rule ingress tcp 5443 from 198.51.100.0/24: nothing → ingress tcp 5443 from 198.51.100.0/24',
    'rule ingress tcp 5443 from 0.0.0.0/0: ingress tcp 5443 from 0.0.0.0/0 → nothing',
    'rule ingress tcp 22 from 0.0.0.0/0: ingress tcp 22 from 0.0.0.0/0 → nothing',
  ]);
});

test('access: rules that somebody added and that let everybody in are taken away; what CCE opens by itself and what lets in few stays', () => {
  const from = (remote_ip_prefix: string, low: number, high = low, more: Partial<SecurityGroupRule> = {}): SecurityGroupRule => ({
    ...{ ...blank, direction: 'ingress', protocol: 'tcp', port_range_min: low, port_range_max: high, remote_ip_prefix },
    ...more,
  });
  const group = (...rules: SecurityGroupRule[]): SecurityGroup => ({ id: 'g', name: 'g', security_group_rules: rules });
  const everybody = '0.0.0.0/0';
  const stays = [
    ...[from(everybody, 30_000, 32_767), from(everybody, 30_000, 32_767, { protocol: 'udp' }), from(everybody, 4789, 4789, { protocol: 'udp' })],
    ...[from('10.0.0.0/8', 10_250), from('203.0.113.7', 9100), from('fd00::/8', 9100, 9100, { ethertype: 'IPv6' })],
    ...[
      from(everybody, 80, 80, { direction: 'egress' }),
      from('', 80, 80, { remote_group_id: 'nodes' }),
      from('', 80, 80, { remote_address_group_id: 'a' }),
    ],
    from(everybody, 10_250, 10_250, { action: 'deny' }),
  ];
  const added = [from(everybody, 10_250), from('::/0', 10_250, 10_250, { ethertype: 'IPv6' }), from('128.0.0.0/1', 20_000, 40_000)];
  const masters = [from(everybody, 9443), { ...blank, direction: 'ingress', ethertype: 'IPv4' } as const];
  const allowed: Rule[] = [{ direction: 'ingress', port: 5443, remote: { cidr: everybody } }];
  const seen = { control: group(from(everybody, 5443), ...stays, ...masters), node: group(...stays, ...added), nodeGroupId: 'n' };
  assert.deepEqual(
    accessChanges(allowed, seen, 'shop').map(({ field, after }) => [field, after]),
    [
      ['rule ingress any any port from 0.0.0.0/0', undefined],
      ['rule ingress tcp 9443 from 0.0.0.0/0 of the masters', undefined],
      ['rule ingress tcp 10250 from 0.0.0.0/0 of the nodes', undefined],
      ['rule ingress tcp 10250 from ::/0 of the nodes', undefined],
      ['rule ingress tcp 20000-40000 from 128.0.0.0/1 of the nodes', undefined],
    ],
  );
});

test('a rule of ours that refuses in place of letting in is a difference', () => {
  const rule: Rule = { direction: 'ingress', port: 5432, remote: { group: 'a' } };
  assert.deepEqual(
    ruleChanges([rule], [{ ...stored(rule), action: 'deny' }]).map(({ before, after }) => [before, after]),
    [
      [undefined, 'ingress tcp 5432 from group a'],
      ['ingress tcp 5432 from group a, deny', undefined],
    ],
  );
});
