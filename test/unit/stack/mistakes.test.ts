/** Every mistake in a stack file, with its place. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, read, small } from './reading.ts';

test('all mistakes of form at once, each with its place', () => {
  const text = `name: Zitadel
regoin: eu-de
region: eu-dee
domain: login
network:
  subnets: { database: { cidrr: x } }
database:
  flavour: big
  flavor: rds.pg.n1.large.4.hha
  version: 18
  storage: { size: 45 }
  zones: eu-de-01
cluster:
  version: 1.33
  flavor: cce.s2.smal
  allow: []
  nodes: { count: "three", zones: [eu-de-01, eude2] }
zitadel: { replicas: 0 }
`;
  assert.deepEqual(errors(text), [
    '1:1 contact: missing; right would be an e-mail address in ASCII without ? and #, as Let’s Encrypt demands',
    '1:7 name: "Zitadel" is not right | Right would be 2 to 30 characters: lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen.',
    '2:1 regoin: unknown key | Did you mean "region"?',
    '3:9 region: "eu-dee" is not possible | Did you mean "eu-de"? Right would be eu-de, eu-nl or eu-ch2.',
    '4:9 domain: "login" is not right | Right would be a host name such as login.example.com.',
    '6:14 network.subnets.database.cidr: missing',
    '6:26 network.subnets.database.cidrr: unknown key | Did you mean "cidr"?',
    '8:3 database.flavour: unknown key | Did you mean "flavor"?',
    '9:11 database.flavor: "rds.pg.n1.large.4.hha" is not right | Right would be rds.pg.<family>.<size>.<GB per vCPU>, with .ha at the end for high availability, for example rds.pg.n1.large.4.ha.',
    '10:12 database.version: 18 is not possible | Right would be 13, 14, 15, 16 or 17.',
    '11:20 database.storage.size: 45 is not right | Right would be 40 to 4000, a multiple of 10.',
    '12:10 database.zones: "eu-de-01" is text, not a list | Write a list, such as [a, b].',
    '14:12 cluster.version: 1.33 is a number, not text (put it in quotes) | Right would be a Kubernetes version such as v1.33.',
    '15:11 cluster.flavor: "cce.s2.smal" is not possible | Did you mean "cce.s2.small"? Right would be cce.s1.small, cce.s1.medium, cce.s2.small, cce.s2.medium, cce.s2.large or cce.s2.xlarge.',
    '16:10 cluster.allow: [] is not right | Right would be at least one entry.',
    '17:19 cluster.nodes.count: "three" is text, not a number | Right would be a whole number.',
    '17:46 cluster.nodes.zones[1]: "eude2" is not right | Right would be an availability zone such as eu-de-01.',
    '18:22 zitadel.replicas: 0 is not right | Right would be 1 to 50.',
  ]);
});

test('all mistakes between settings at once', () => {
  const text = `${small}network:
  cidr: 10.20.0.0/16
  subnets: { cluster: 10.21.0.0/20, database: 10.20.1.1/24 }
database: { flavor: rds.pg.n1.large.4, ha: true, zones: [eu-nl-01], backup: { window: "02:00-04:00" }, user: root }
cluster:
  containerNetwork: { cidr: 10.16.0.0/12 }
  serviceCidr: 10.20.0.0/16
  allow: [runner, 300.1.1.1/4]
  nodes: { count: 2 }
dns: { zone: example.org }
certificates: { issuer: existing }
zitadel: { chart: 8.13.4 }
`;
  assert.deepEqual(errors(text), [
    '3:9 domain: login.example.com is not in the zone example.org | Use a name that ends in .example.org, or another zone.',
    '7:23 network.subnets.cluster: 10.21.0.0/20 is not inside the VPC 10.20.0.0/16 | Choose a part of the VPC’s range.',
    '7:47 network.subnets.database: "10.20.1.1/24" has bits set behind its prefix; the network is 10.20.1.0/24',
    '8:21 database.flavor: rds.pg.n1.large.4 does not go with high availability | Use rds.pg.n1.large.4.ha, or leave "ha" out: it follows from the flavor.',
    '8:57 database.zones: 1 zone is given, and high availability takes two: primary, standby',
    '8:58 database.zones[0]: eu-nl-01 is not a zone of eu-de | Its zones are eu-de-01, eu-de-02, eu-de-03.',
    '8:87 database.backup.window: "02:00-04:00" is not one hour | RDS takes a window of exactly one hour, such as 02:00-03:00.',
    '8:110 database.user: "root" is reserved by PostgreSQL or RDS | Use zitadel.',
    '10:29 cluster.containerNetwork.cidr: 10.16.0.0/12 overlaps the VPC 10.20.0.0/16 | VPC, pods and Services need ranges of their own.',
    '11:16 cluster.serviceCidr: 10.20.0.0/16 overlaps the VPC 10.20.0.0/16 | VPC, pods and Services need ranges of their own.',
    '11:16 cluster.serviceCidr: 10.20.0.0/16 overlaps the pods’ range 10.16.0.0/12 | VPC, pods and Services need ranges of their own.',
    '12:19 cluster.allow[1]: "300.1.1.1/4" is not a network: an address part is above 255 or the prefix above 32',
    '13:19 cluster.nodes.count: a count of 2 does not fill 3 zones | Raise the count, or name fewer zones.',
    '15:25 certificates.issuer: with "issuer: existing" the certificate’s Secret must be named | Add "secret:" with the name of a TLS Secret in ZITADEL’s namespace.',
    '16:19 zitadel.chart: chart 8.13.4 has no login app | Use 9.34.0.',
  ]);
});

test('a broken setting hides no rule of its block, and a rule that reads it is not guessed at', () => {
  const text = `name: demo
region: eu-moon
domain: login.example.com
contact: a@example.com
network:
  cidr: 10.20.0.0/16
  egress: tunnel
  subnets: { cluster: 10.21.0.0/20, database: { cidrr: 10.20.16.0/24 } }
database:
  version: 16.2
  port: 80
  ha: true
  flavor: rds.pg.n1.large.4
  zones: [eu-nl-01]
  storage: { size: 100, autoExpandTo: 50 }
cluster:
  flavor: cce.s3.small
  containerNetwork: { cidr: 10.20.0.0/16 }
  nodes: { count: 1, zones: [eu-de-01, eu-de-01] }
dns: { zone: example.org, ttl: soon }
zitadel: []
`;
  assert.deepEqual(errors(text), [
    '2:9 region: "eu-moon" is not possible | Right would be eu-de, eu-nl or eu-ch2.',
    '3:9 domain: login.example.com is not in the zone example.org | Use a name that ends in .example.org, or another zone.',
    '7:11 network.egress: "tunnel" is not possible | Right would be nat-gateway, shared-snat or none.',
    '8:23 network.subnets.cluster: 10.21.0.0/20 is not inside the VPC 10.20.0.0/16 | Choose a part of the VPC’s range.',
    '8:37 network.subnets.database.cidr: missing',
    '8:49 network.subnets.database.cidrr: unknown key | Did you mean "cidr"?',
    '10:12 database.version: 16.2 is not possible | Right would be 13, 14, 15, 16 or 17.',
    '11:9 database.port: 80 is not right | Right would be 2100 to 9500.',
    '13:11 database.flavor: rds.pg.n1.large.4 does not go with high availability | Use rds.pg.n1.large.4.ha, or leave "ha" out: it follows from the flavor.',
    '14:10 database.zones: 1 zone is given, and high availability takes two: primary, standby',
    '15:39 database.storage.autoExpandTo: 50 GB is not above the size of 100 GB | Raise it, or set 0 to switch auto-expansion off.',
    '17:11 cluster.flavor: "cce.s3.small" is not possible | Did you mean "cce.s1.small"? Right would be cce.s1.small, cce.s1.medium, cce.s2.small, cce.s2.medium, cce.s2.large or cce.s2.xlarge.',
    '18:29 cluster.containerNetwork.cidr: 10.20.0.0/16 overlaps the VPC 10.20.0.0/16 | VPC, pods and Services need ranges of their own.',
    '19:19 cluster.nodes.count: a count of 1 does not fill 2 zones | Raise the count, or name fewer zones.',
    '19:40 cluster.nodes.zones[1]: eu-de-01 is named twice',
    '20:32 dns.ttl: "soon" is text, not a number | Right would be a whole number.',
    '21:10 zitadel: [] is a list, not a block | Write its settings without "-" and without [ ]; known here: chart, namespace, release, replicas, loginReplicas, organization, admin, tlsMode, values.',
  ]);
});

test('YAML that is legal or nearly so, and not what was meant', () => {
  const text = `${small}network:
database:
  flavor:
cluster:
  nodes: { count: 3 }
  nodes: { count: 5 }
  version: !kube v1.33
  allow: [&net 10.0.0.0/8, *nett]
loadBalancer: { bandwidth: 007 }
dns: { zone: {{ .zone }} }
---
name: second
`;
  assert.deepEqual(errors(text), [
    '5:9 network: nothing is given here, where a block should be | Write its settings below it, indented, or remove the line.',
    '7:10 database.flavor: nothing is given here | Right would be rds.pg.<family>.<size>.<GB per vCPU>, with .ha at the end for high availability, for example rds.pg.n1.large.4.ha. Or remove the line.',
    '10:3 cluster.nodes: this key is here a second time | The first is on line 9: keep one.',
    '11:12 not valid YAML: Unresolved tag: !kube | Remove the tag.',
    '12:28 cluster.allow[1]: the alias *nett leads nowhere | Name it above with &nett, or put the text in quotes.',
    '13:28 loadBalancer.bandwidth: the number 007 would not stay as it is written | Write 7 where a number is meant; put it in quotes where it is text.',
    '14:15 dns.zone: a key must be plain text | Templates are not filled in here: write the value, or a variable.',
    '15:1 not valid YAML: a second document begins here | One file holds one document: remove the "---", or put what follows into a file of its own.',
  ]);
  for (const [wrong, right] of [
    ['network:\n\tcidr: 10.0.0.0/16', '6:1 not valid YAML: Tabs are not allowed as indentation | Indent with spaces.'],
    [
      'zitadel:\n  organization: a: b',
      '6:17 not valid YAML: a block begins inside a line | Put text with a colon in it in quotes; else begin the block on the next line, indented.',
    ],
    [
      'network:\n  cidr: 10.0.0.0/16\n egress: none',
      '7:1 not valid YAML: All mapping items must start at the same column | Indent all settings of a block by the same number of spaces; close what [ or { opened.',
    ],
    ['zitadel:\n  organization: @acme', '6:17 not valid YAML: Plain value cannot start with reserved character @ | Put the value in quotes.'],
  ] as const)
    assert.equal(errors(`${small}${wrong}\n`)[0], right);
  assert.deepEqual(errors('# nothing\n'), [
    '1:1 the stack file is empty | Start with "name:", "region:", "domain:" and "contact:", each with its value on the same line.',
  ]);
});

test('merge keys: what a block has of its own comes first', () => {
  const { stack } = read(
    `${small}network: { subnets: { cluster: &one { cidr: 10.20.0.0/20 }, database: { <<: *one, cidr: 10.20.16.0/24 } } }\nzitadel: { replicas: 3 }\n`,
  );
  assert.deepEqual(stack.network.subnets.database, { cidr: '10.20.16.0/24' });
  assert.deepEqual(errors(`${small}network:\n  <<: nonsense\n`), [
    '6:3 network.<<: there is no block to merge | Write an alias of a block, such as "<<: *name".',
  ]);
  assert.deepEqual(errors(`${small}zitadel:\n  admin: &a { firstName: 5 }\n  <<: [*a]\n`), [
    '6:15 zitadel.firstName: unknown key | Known here: chart, namespace, release, replicas, loginReplicas, organization, admin, tlsMode, values.',
    '6:26 zitadel.admin.firstName: 5 is a number, not text (put it in quotes) | Right would be 1 to 200 characters on one line.',
  ]);
});

for (const [what, line, message] of [
  ['subnets that overlap', 'network: { subnets: { cluster: 10.20.0.0/20, database: 10.20.8.0/24 } }', /overlaps the cluster's subnet/],
  ['a subnet that is too small', 'network: { subnets: { database: 10.20.16.0/29 } }', /too small/],
  ['a public VPC', 'network: { cidr: 8.8.0.0/16 }', /not possible for a VPC/],
  ['a pod range of a wrong size', 'cluster: { containerNetwork: { cidr: 172.20.0.0/20 } }', /not possible for pods/],
  ['both id and name', 'cluster: { existing: { id: a, name: b } }', /both id and name/],
  ['neither id nor name', 'dns: { existing: {} }', /neither id nor name/],
  ['PostgreSQL 13', 'database: { version: 13 }', /does not run on PostgreSQL 13/],
  ['Kubernetes 1.29', 'cluster: { version: v1.29 }', /does not run on v1.29/],
  ['a disk that never grows', 'database: { storage: { size: 100, autoExpandTo: 100 } }', /not above the size/],
  ['more nodes than masters manage', 'cluster: { nodes: { count: 51 } }', /more than the 50/],
  ['a port that RDS refuses', 'database: { port: 80 }', /2100 to 9500/],
  ['backups kept too long', 'database: { backup: { keepDays: 733 } }', /1 to 732/],
  ['a class of Envoy Gateway', 'ingress: { controller: envoy-gateway, className: mine }', /serves no IngressClass/],
  ['Envoy Gateway with a chart without routes', 'ingress: { controller: envoy-gateway }\nzitadel: { chart: 9.25.0 }', /9\.25\.0 knows no routes/],
  ['a foreign ingress without class', 'ingress: { controller: existing }', /IngressClass must be named/],
  ['a top-level domain as zone', 'dns: { zone: com }', /top-level domain|not right/],
  [
    'credentials in a repository',
    'dns: { externalDns: { version: 1.21.1, repository: "https://me:pass@charts.example.com" } }',
    /without credentials/,
  ],
  ['a repository without TLS', 'dns: { externalDns: { version: 1.21.1, repository: "http://charts.example.com" } }', /without credentials/],
  ['a digest of a wrong form', 'zitadel: { chart: { version: 9.34.0, digest: abc } }', /64 hexadecimal digits/],
  ['two documents', '---\nname: b', /not valid YAML/],
  ['a key twice', 'name: again', /name: this key is here a second time/],
] as const) {
  test(`refused: ${what}`, () => {
    const found = errors(`${small}${line}\n`);
    assert.equal(found.length > 0, true);
    assert.match(found.join('\n'), message);
  });
}
