/** Mistakes in a stack file that are easily mended in a wrong way: what is advised, what is still told beside them, what is meant. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errors, read, small } from './reading.ts';

test('variables of the runner, and those that sign in, are not handed to a file', () => {
  const env = {
    INPUT_PASSWORD: 'x',
    ACTIONS_RUNTIME_TOKEN: 'x',
    GITHUB_TOKEN: 'x',
    RUNNER_TEMP: 'x',
    STATE_x: 'x',
    OS_PASSWORD: 'x',
    OTC_SECRET_KEY: 'x',
  };
  for (const name of Object.keys(env)) {
    const [found, ...others] = errors(`${small}zitadel:\n  organization: "\${${name}}"\n`, env);
    assert.match(found ?? '', new RegExp(`^6:17 zitadel.organization: the variable ${name} is the runner's own or signs in to the cloud`));
    assert.deepEqual(others, []);
  }
  assert.equal(read(`${small}zitadel: { organization: "\${GITHUB_REF_NAME}" }`, { GITHUB_REF_NAME: 'main' }).stack.zitadel.organization, 'main');
});

test('a network that is written as an address in it is meant, and what follows from it is told as well', () => {
  assert.deepEqual(errors(`${small}network:\n  cidr: 10.0.0.1/16\n  subnets: { cluster: 10.1.0.0/20, database: 10.1.8.0/24 }\n`), [
    '6:9 network.cidr: "10.0.0.1/16" has bits set behind its prefix; the network is 10.0.0.0/16',
    '7:23 network.subnets.cluster: 10.1.0.0/20 is not inside the VPC 10.0.0.0/16 | Choose a part of the VPC’s range.',
    '7:46 network.subnets.database: 10.1.8.0/24 is not inside the VPC 10.0.0.0/16 | Choose a part of the VPC’s range.',
    '7:46 network.subnets.database: 10.1.8.0/24 overlaps the cluster\'s subnet 10.1.0.0/20 | Choose separate ranges, or "single: true" for one subnet.',
  ]);
  assert.deepEqual(errors(`${small}network: { cidr: 10.0.0.1/16 }\ncluster: { containerNetwork: { cidr: 10.0.0.0/16 } }\n`), [
    '5:18 network.cidr: "10.0.0.1/16" has bits set behind its prefix; the network is 10.0.0.0/16',
    '6:38 cluster.containerNetwork.cidr: 10.0.0.0/16 overlaps the VPC 10.0.0.0/16 | VPC, pods and Services need ranges of their own.',
  ]);
});

test('what is advised does not lead into the next error', () => {
  assert.deepEqual(errors(`${small}cluster: { nodes: { count: 1e1 } }\ndatabase: { ha: yes }\n`), [
    '5:28 cluster.nodes.count: the number 1e1 would not stay as it is written | Write 10 where a number is meant; put it in quotes where it is text.',
    '6:17 database.ha: "yes" is not possible here | Right would be true, false or { replication: … }.',
  ]);
  assert.equal(
    errors(`${small}zitadel: { chart: { version: 9.340, digest: 5 } }\n`)[0],
    '5:30 zitadel.chart.version: the number 9.340 would not stay as it is written | Write 9.34 where a number is meant; put it in quotes where it is text.',
  );
});

test('variables without quotes inside [ ] and { }: as in a block, also in a values file', () => {
  const env = { N: '4', NET: '10.0.0.0/8', WORD: 'a, b: {c}', YES: 'true' };
  const text = `${small}cluster: { allow: [\${NET}, runner] }\nzitadel: { replicas: \${N}, organization: \${WORD}, admin: { lastName: "\${N}", changePassword: \${YES} }, values: v.yaml }\n`;
  const { stack } = read(text, env, {
    'deploy/v.yaml': 'replicaCount: 2\nlogin: { replicaCount: ${N}, labels: { "${N}": $${N}, b: [x${N}y, ${WORD}] } }\n',
  });
  assert.deepEqual(stack.cluster.allow, ['10.0.0.0/8', 'runner']);
  const { replicas, organization, admin, values } = stack.zitadel;
  assert.deepEqual([replicas, organization, admin.lastName, admin.changePassword], [4, 'a, b: {c}', '4', true]);
  assert.deepEqual(values['login'], { replicaCount: 4, labels: { '${N}': '${N}', b: ['x4y', 'a, b: {c}'] } });
  assert.deepEqual(errors(`${small}zitadel: { replicas: \${NONE} }\nnetwork: { egress: \${NET} }\n`, env), [
    '5:22 zitadel.replicas: the variable NONE is not set | Set it under "env:" of the step, or write the value here.',
    '6:20 network.egress: "10.0.0.0/8" is not possible | Right would be nat-gateway, shared-snat or none.',
  ]);
});

test('characters that nobody sees are told by their number, wherever they stand', () => {
  const env = { NAME: 'Acme\u001b[2J' };
  const values = 'env: [{ name: A, value: "a\\eb" }]\n"b\\u0000": 1\nzitadel: { configmapConfig: { Text: "one\\ttwo\\nthree" } }\n';
  const text = `${small}zitadel:\n  organization: "a\\u0007b"\n  admin:\n    firstName: "a\\u0000b"\n    lastName: "\\u202Eevil"\n    userName: \${NAME}\n  values: v.yaml\n`;
  const hint = ' | Remove it: it is not seen, or turns what is seen around.';
  assert.deepEqual(errors(text, env, { 'deploy/v.yaml': values }), [
    `6:17 zitadel.organization: the character U+0007 does not belong into a text${hint}`,
    `8:16 zitadel.admin.firstName: the character U+0000 does not belong into a text${hint}`,
    `9:15 zitadel.admin.lastName: the character U+202E does not belong into a text${hint}`,
    `10:15 zitadel.admin.userName: the character U+001B does not belong into a text${hint}`,
    `deploy/v.yaml 1:25 env[0].value: the character U+001B does not belong into a text${hint}`,
    `deploy/v.yaml 2:1 the file: the character U+0000 does not belong into a key${hint}`,
  ]);
  assert.deepEqual(errors(`${small}zitadel: { organization: "Ä \u200F שלום 👩‍👩‍👧", admin: { lastName: "a\\tb" } }\n`), [
    '5:66 zitadel.admin.lastName: "a\tb" is not right | Right would be 1 to 200 characters on one line.',
  ]);
});

test('names that DNS writes otherwise, and secrets that are inputs', () => {
  const text = `name: zitädel\nregion: eu-de\ndomain: bücher.example.com\ncontact: chef@bücher.example.com\ndns: { zone: Bücher.example.com. }\nmasterkey: x\nstackSecret: y\ndatabase: { password: x, userPassword: y }\nzitadel: { admin: { password: z } }\n`;
  assert.deepEqual(errors(text), [
    '1:7 name: "zitädel" is not right | Right would be 2 to 30 characters: lower-case letters, digits and hyphens, starting with a letter, not ending with a hyphen.',
    '3:9 domain: "bücher.example.com" is not right | In DNS it is written "xn--bcher-kva.example.com".',
    '4:10 contact: "chef@bücher.example.com" is not right | In DNS it is written "chef@xn--bcher-kva.example.com".',
    '5:14 dns.zone: "Bücher.example.com." is not right | In DNS it is written "xn--bcher-kva.example.com.".',
    '6:1 masterkey: unknown key | Secrets are inputs of the step: give the input masterkey.',
    '7:1 stackSecret: unknown key | Secrets are inputs of the step: give the input stack-secret.',
    '8:13 database.password: unknown key | Secrets are inputs of the step: give the input database-password.',
    '8:26 database.userPassword: unknown key | Secrets are inputs of the step: give the input database-user-password.',
    '9:21 zitadel.admin.password: unknown key | Secrets are inputs of the step: give the input admin-password.',
  ]);
});

test('the Services’ range keeps out of the pods’ one that is given', () => {
  const { stack } = read(`${small}cluster: { containerNetwork: { cidr: 10.247.0.0/16 } }\n`);
  assert.deepEqual([stack.cluster.containerNetwork.cidr, stack.cluster.serviceCidr], ['10.247.0.0/16', '172.31.0.0/16']);
});

test('what the parser cannot place any more behind a mistake is one error', () => {
  assert.deepEqual(errors(`${small}network: { cidr: 10.0.0.0/16 } x\ndatabase:\n  port: 5432\n`), [
    '5:32 not valid YAML: Unexpected scalar at node end | Check indentation, quotes and colons around this place.',
  ]);
});

test('a broken item of a list hides none of the others', () => {
  assert.deepEqual(
    errors(
      `${small}cluster:\n  allow: [300.1.1.1/8, bad, 10.0.0.1/8, runner]\n  nodes: { count: 1, zones: [eu-de-09, eude2, eu-nl-01] }\n  bastion: { zone: eu-de-04 }\n`,
    ),
    [
      '6:11 cluster.allow[0]: "300.1.1.1/8" is not a network: an address part is above 255 or the prefix above 32',
      '6:24 cluster.allow[1]: "bad" is not right | Right would be a network such as 198.51.100.0/24, or the word runner.',
      '6:29 cluster.allow[2]: "10.0.0.1/8" has bits set behind its prefix; the network is 10.0.0.0/8',
      '7:30 cluster.nodes.zones[0]: eu-de-09 is not a zone of eu-de | Its zones are eu-de-01, eu-de-02, eu-de-03.',
      '7:40 cluster.nodes.zones[1]: "eude2" is not right | Right would be an availability zone such as eu-de-01.',
      '7:47 cluster.nodes.zones[2]: eu-nl-01 is not a zone of eu-de | Its zones are eu-de-01, eu-de-02, eu-de-03.',
      '8:20 cluster.bastion.zone: eu-de-04 is not a zone of eu-de | Its zones are eu-de-01, eu-de-02, eu-de-03.',
    ],
  );
});

test('a disk that never grows is told where its size is broken too, as far as no size would do', () => {
  const found = (storage: string): string[] => errors(`${small}database: { storage: ${storage} }\n`);
  assert.deepEqual(found('{ size: 45, autoExpandTo: 30 }'), [
    '5:30 database.storage.size: 45 is not right | Right would be 40 to 4000, a multiple of 10.',
    '5:48 database.storage.autoExpandTo: 30 GB is not above the smallest disk, 40 GB | Raise it, or set 0 to switch auto-expansion off.',
  ]);
  assert.deepEqual(found('{ size: 100, autoExpandTo: 90 }'), [
    '5:49 database.storage.autoExpandTo: 90 GB is not above the size of 100 GB | Raise it, or set 0 to switch auto-expansion off.',
  ]);
});

test('namespaces that are somebody else’s', () => {
  const found = (name: string): string[] => errors(`${small}zitadel:\n  namespace: ${name}\n`);
  for (const name of ['cert-manager', 'contour', 'external-dns', 'haproxy', 'nginx-system', 'envoy-gateway-system'])
    assert.deepEqual(found(name), [
      `6:14 zitadel.namespace: in ${name} this action keeps something else than ZITADEL | Use zitadel, or another name of its own.`,
    ]);
  for (const name of ['kube-system', 'kube-public', 'kube-node-lease', 'default'])
    assert.deepEqual(found(name), [`6:14 zitadel.namespace: ${name} belongs to the cluster itself | Use zitadel, or another name of its own.`]);
  assert.deepEqual(found('identity'), []);
});

test('a mistake of form does not hide one between settings', () => {
  const found = errors(`${small}nmae: x\ndatabase: { backup: { window: "02:00-05:00" } }\n`);
  assert.deepEqual(
    found.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['5:1 nmae:', '6:31 database.backup.window:'],
  );
});

test('a block that is misspelled beside the right one hides nothing of that', () => {
  const networks =
    'network: { cidr: 10.20.0.0/16, subnets: { cluster: 10.20.0.0/20, database: 10.20.0.0/24 } }\ncluster: { serviceCidr: 10.20.0.0/16 }\n';
  const alone = errors(small + networks);
  assert.equal(alone.length, 2);
  const without = (found: string[]): string[] => found.map((line) => line.replace(/^[\d:]+ /, ''));
  for (const wrong of ['netwrok: { egress: none }', 'clutser: {}', 'zitadel: { replicas: x }'])
    assert.deepEqual(without(errors(`${small}${wrong}\n${networks}`)).slice(1), without(alone), wrong);
  const inside = networks.replace('cidr: 10.20.0.0/16', 'cidrr: 5, cidr: 10.20.0.0/16');
  assert.deepEqual(without(errors(small + inside)).slice(1), without(alone));
});

test('an open quote is told where it was opened, and nothing that follows from it', () => {
  const told = 'not valid YAML: this quote is not closed | End the text with the same quote, or remove it.';
  for (const [text, place] of [
    ['name: "abc\nregion: eu-de\ndomain: login.example.com\n', '1:7'],
    ["name: a\nregion: 'eu-de\ndomain: it''s\n", '2:9'],
    ['name: "abc\nregion: "eu-de"\n', '1:7'],
    ['name: a\nnetwork:\n  egress: "none\n  cidr: 1\n', '3:11'],
    ['network: { egress: "none }\nname: a\n', '1:20'],
    ['"name: a\nregion: eu-de\n', '1:1'],
  ] as const)
    assert.deepEqual(errors(text), [`${place} ${told}`], text);
});

test('an e-mail address that Let’s Encrypt refuses is refused before it; ZITADEL takes it', () => {
  const mail = (address: string): string => small.replace('platform@example.com', address);
  for (const address of ['plätform@example.com', 'a?b@example.com', 'a#b@example.com'])
    assert.deepEqual(errors(mail(`"${address}"`)), [
      `4:10 contact: "${address}" is not right | Right would be an e-mail address in ASCII without ? and #, as Let’s Encrypt demands.`,
    ]);
  assert.deepEqual(errors(`${mail("o'neil+zitadel@example.com")}zitadel: { admin: { email: plätform@example.com } }\n`), []);
});
