/** Findings, support dates, and the renderings of a report of each kind. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import { ADDED_BY_OTHERS, type Change } from '../../../src/engine/resource.ts';
import { LONGEST_BODY, renderComment } from '../../../src/report/comment.ts';
import { findingsDigest, findingsOf } from '../../../src/report/findings.ts';
import { readMemory, renderClosing, renderDelta, renderIssue, renderReopening } from '../../../src/report/issue.ts';
import { renderJson } from '../../../src/report/json.ts';
import { renderMarkdown } from '../../../src/report/markdown.ts';
import { type Mark, markLine, readMark, sameThing } from '../../../src/report/marker.ts';
import { makeReport, type Report } from '../../../src/report/report.ts';
import { supportFindings, supportTable, supportText } from '../../../src/report/support.ts';
import { Secret } from '../../../src/secret.ts';
import { examples, outcomesOf } from './examples.ts';

function golden(name: string, text: string): void {
  const file = new URL(`golden/${name}.txt`, import.meta.url);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'), `${name}.txt differs; UPDATE_GOLDEN=1 writes it anew`);
}

const origin = { commit: '0123456789abcdef0123', runUrl: 'https://github.com/example/identity/actions/runs/42' };
const mark: Mark = { kind: 'comment', command: 'plan', stack: 'zitadel-prod/eu-de/', config: 'zitadel.yaml' };
const drift = examples['drift'] as Report;

for (const [name, report] of Object.entries(examples)) {
  test(`summary: ${name}`, () => golden(`summary-${name}.md`, renderMarkdown(report)));
}
test('comment: plan', () => golden('comment-plan.md', renderComment(examples['plan'] as Report, mark, origin)));
test('issue and its comments', () => {
  const before = [{ key: '0'.repeat(12), id: 'a/thing', text: 'high: Thing: <img> @octocat went' }];
  const kept = [{ key: '1'.repeat(12), id: 'a/blind', text: 'high: Blind: <img> @octocat stays' }];
  golden('issue.md', renderIssue(drift, { ...mark, kind: 'drift', command: 'drift' }, origin, kept));
  golden('issue-comments.md', [renderDelta(drift, before, origin, kept), renderReopening(drift, origin), renderClosing(origin)].join('\n---\n\n'));
});

const schema = new Ajv({ allErrors: true, strict: true }).compile(
  JSON.parse(readFileSync(new URL('../../../docs/report.schema.json', import.meta.url), 'utf8')) as object,
);
for (const [name, report] of Object.entries(examples)) {
  test(`JSON of ${name} is as docs/report.schema.json says`, () => {
    assert.ok(schema(JSON.parse(renderJson(report))), JSON.stringify(schema.errors));
  });
}
test('the schema refuses what is not in it', () => {
  const document = JSON.parse(renderJson(drift)) as Record<string, unknown>;
  assert.equal(schema({ ...document, more: 1 }), false);
  assert.equal(schema({ ...document, planDigest: 'x' }), false);
});

test('data and exposure come first', () => {
  assert.deepEqual(
    drift.findings.map(({ severity, stake, what }) => `${severity} ${stake}: ${what}`),
    [
      'critical data: backup_strategy.keep_days',
      'critical exposure: rule ingress tcp 5432 from 0.0.0.0/0',
      'high exposure: data',
      'high availability: rule ingress tcp 5432 from group 7c1f',
      'high availability: is not there',
      'high availability: DNS',
      'medium availability: Deployment zitadel spec.replicas',
      'low support: supported until 2026-11-30',
    ],
  );
  assert.equal(drift.verdict, 'zitadel-prod: drifted: 8 differences (2 critical, 4 high, 1 medium, 1 low)');
});

const one = (id: string, verdict: Verdict, changes: readonly Change[] = [], more: Partial<Outcome> = {}): Outcome => ({
  ...{ id, title: id, needs: [], verdict, changes, facts: {}, seconds: 1, done: false },
  ...more,
});

test('each judgement once', () => {
  const judged = (id: string, change: Change): string => {
    const [found] = findingsOf([one(id, 'update', [change])]);
    return `${found?.severity} ${found?.stake}`;
  };
  const rule = (text: string): Change => ({ field: `rule ingress tcp ${text}`, before: `ingress tcp ${text}` });
  assert.equal(judged('database/instance', { field: 'public_ips', before: '80.158.1.1', after: 'none' }), 'critical exposure');
  assert.equal(judged('cluster/api-access', rule('5443 from 0.0.0.0/0')), 'critical exposure');
  assert.equal(judged('cluster/api-access', rule('5443 from 198.51.100.0/24')), 'high exposure');
  for (const wide of ['::/0', '0.0.0.0/1', '128.0.0.0/1', '80.0.0.0/8', '2000::/3', '2A00::/16'])
    assert.equal(judged('network/security-group-database', rule(`5432 from ${wide}`)), 'critical exposure', wide);
  for (const part of ['10.0.0.0/8', 'fc00::/7', '80.158.0.0/16', '2a00::/32'])
    assert.equal(judged('network/security-group-database', rule(`5432 from ${part}`)), 'high exposure', part);
  for (const denied of ['5432 from 0.0.0.0/0, deny', '10250 from 0.0.0.0/0, deny of the nodes'])
    assert.equal(judged('cluster/api-access', { ...rule(denied), why: ADDED_BY_OTHERS }), 'high availability', denied);
  for (const field of ['spec.acme.server', 'spec.acme.solvers[0].dns01.webhook.config.region'])
    assert.equal(judged('certificates/issuer-production', { field, before: 'a', after: 'b' }), 'high exposure', field);
  assert.equal(judged('certificates/issuer-production', { field: 'spec.acme.email', before: 'a', after: 'b' }), 'medium configuration');
  assert.equal(
    judged('cluster/node-pool-eu-de-01', { field: 'customSecurityGroups', before: 'a', after: 'a,b', replace: true }),
    'medium availability',
  );
  const egress = { field: 'rule egress any any port to 0.0.0.0/0', before: 'egress any any port to 0.0.0.0/0' };
  for (const id of ['bastion/security-group', 'network/security-group-database']) {
    assert.equal(judged(id, egress), 'high exposure');
    assert.equal(judged(id, { field: egress.field, after: egress.before }), 'high availability', 'a wanted rule that is gone');
  }
  assert.equal(judged('bastion/server', { field: 'security groups', before: 'ours, theirs', after: 'ours', replace: true }), 'high exposure');
  assert.equal(judged('bastion/server', { field: 'security groups', before: '', after: 'ours' }), 'medium configuration');
  assert.equal(judged('cluster/node-groups', { field: 'security group g of node n', before: 'missing', after: 'attached' }), 'medium availability');
  const tls = (before: string): string => judged('zitadel/verification', { field: 'TLS certificate', before, after: 'passes' });
  assert.equal(tls('connect ECONNREFUSED 80.158.0.1:443'), 'high availability');
  assert.equal(tls('the certificate ended at 2026-11-01T00:00:00.000Z'), 'high availability');
  assert.equal(tls('the certificate of CN=fake is not trusted: DEPTH_ZERO_SELF_SIGNED_CERT'), 'high exposure');
  assert.equal(tls("Hostname/IP does not match certificate's altnames: Host: login.example.com."), 'high exposure');
  assert.equal(judged('ingress/namespace', { field: 'status', before: 'Terminating', after: 'usable' }), 'high availability');
  assert.equal(judged('zitadel/login-token', { field: 'Secret zitadel/login-client', before: 'missing', after: 'present' }), 'high availability');
  assert.equal(judged('network/vpc', { field: 'name', before: 'a', after: 'b' }), 'medium availability');
  const whole = (id: string, verdict: Verdict): string =>
    findingsOf([one(id, verdict)]).map(({ severity, stake }) => `${severity} ${stake}`)[0] ?? '';
  assert.equal(whole('database/instance', 'create'), 'critical data');
  assert.equal(whole('cluster/cluster', 'create'), 'high availability');
  assert.equal(whole('zitadel/login-token', 'create'), 'medium availability');
  assert.equal(whole('cluster/key-pair', 'delete'), 'low configuration');
  for (const id of ['cluster/eip', 'bastion/server', 'bastion/eip']) assert.equal(whole(id, 'delete'), 'high exposure', id);
  assert.equal(judged('cluster/cluster', { field: 'status.endpoints.external', before: '203.0.113.9' }), 'high exposure');
  const added = (field: string): string => judged('zitadel/release', { field, before: 'x', why: ADDED_BY_OTHERS });
  assert.equal(added('Deployment zitadel metadata.annotations.team'), 'medium configuration');
  assert.equal(added('Ingress zitadel metadata.annotations.projectcontour.io/response-timeout'), 'high exposure');
  assert.equal(added('Deployment zitadel spec.template.spec.containers[guest]'), 'high exposure');
  for (const field of ['Deployment zitadel spec.paused', 'Deployment zitadel spec.strategy.type', 'Service zitadel spec.sessionAffinity'])
    assert.equal(added(field), 'medium availability', field);
  for (const field of ['Service zitadel spec.externalIPs', 'Deployment zitadel spec.template.spec.hostNetwork', 'Deployment zitadel spec.pausedBy'])
    assert.equal(added(field), 'high exposure', field);
  assert.deepEqual(findingsOf([one('a/b', 'unchanged'), one('a/c', 'kept'), one('a/d', 'unknown'), one('a/e', 'failed')]), []);
});

test('what an observer measured is not part of a finding’s key; what a service keeps is', () => {
  const key = (before: unknown, more: Partial<Outcome>): string =>
    findingsDigest(findingsOf([one('a/b', 'update', [{ field: 'x', before, after: 1 }], more)]));
  assert.equal(key('29 days', { readsOnly: true }), key('28 days', { readsOnly: true }));
  assert.notEqual(key(2, {}), key(3, {}));
});

test('an API that does not answer is no drift', () => {
  const report = makeReport({ ...drift, outcomes: [...drift.outcomes, one('a/b', 'failed', [], { fault: new Fault('503') })] });
  assert.equal(report.result, 'failed');
});

test('support: near, ended, fine, unknown; every date is a date', () => {
  const at = (day: string) => Date.parse(`${day}T00:00:00Z`);
  assert.deepEqual(
    supportFindings({ PostgreSQL: '16.8', Kubernetes: 'v1.33-r4' }, at('2026-11-23')).map(({ state }) => state),
    [],
  );
  assert.deepEqual(
    supportFindings({ PostgreSQL: '14', Kubernetes: 'v1.31', Helm: '4' }, at('2027-02-01')).map(({ part, state, days }) => [part, state, days]),
    [
      ['PostgreSQL', 'ended', -80],
      ['Kubernetes', 'near', 150],
    ],
  );
  const lastDay = (time: string) => supportFindings({ Kubernetes: 'v1.30' }, Date.parse(time)).map((one) => [one.days, supportText(one)]);
  assert.deepEqual(lastDay('2026-11-30T23:00:00Z'), [[0, 'supported until 2026-11-30']]);
  assert.deepEqual(lastDay('2026-12-01T01:00:00Z'), [[-1, 'support ended on 2026-11-30']]);
  assert.equal(supportFindings({ Kubernetes: 'v1.3' }, at('2030-01-01')).length, 0);
  assert.deepEqual(
    supportFindings(
      { 'cert-manager chart': 'v1.19.6', 'ingress-nginx chart': '4.15.1', 'gateway-helm chart': 'v1.9.0', 'contour chart': '0.7.0' },
      at('2026-11-26'),
    ).map((one) => `${one.part} ${supportText(one)}`),
    [
      'cert-manager chart support ended on 2026-07-08',
      'ingress-nginx chart support ended on 2026-03-31',
      'gateway-helm chart supported until 2027-02-14',
    ],
  );
  for (const { ends, source } of supportTable) assert.ok(!Number.isNaN(Date.parse(`${ends}T00:00:00Z`)) && source.length > 10);
});

test('property: markers come back as they were, whatever is in them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), fc.constantFrom('comment', 'drift'), (stack, config, kind) => {
      const wanted: Mark = { ...mark, kind: kind as Mark['kind'], stack, config };
      const line = markLine(wanted);
      assert.deepEqual(readMark(`${line}\ntext`), wanted);
      assert.ok(sameThing(wanted, wanted));
      assert.equal(line.split('-->').length, 2);
    }),
  );
  assert.equal(readMark(`x\n${markLine(mark)}`), undefined);
});

test('never above the limit, cut at a row, with the count; the memory of the issue survives', () => {
  const changes = Array.from({ length: 2000 }, (_, index) => ({
    field: `field ${index} ${'x'.repeat(50)}`,
    before: '<'.repeat(100),
    after: '@'.repeat(100),
  }));
  const many = makeReport({ ...drift, outcomes: [one('a/b', 'update', changes)] });
  const kept = Array.from({ length: 60 }, (_, index) => ({ key: `${index}`.padStart(12, '0'), id: 'a/blind', text: '<'.repeat(200) }));
  for (const longest of [LONGEST_BODY, 30_000]) {
    const issue = renderIssue(many, { ...mark, kind: 'drift' }, origin, kept, longest);
    assert.ok(issue.length <= longest, `${issue.length}`);
    assert.match(issue, /\| … \| \| \d+ more \| \|/);
    const memory = readMemory(issue) ?? [];
    assert.ok(memory.filter(({ text }) => text !== '').length > 15 && memory.length > 900, `${memory.length}`);
    const comment = renderComment(many, mark, origin, longest);
    assert.ok(comment.length <= longest && comment.startsWith('<!-- zitadel-on-otc:comment?'), `${comment.length}`);
  }
  assert.ok(renderDelta(many, [], origin).length < LONGEST_BODY);
});

test('of hundreds of findings, the comment names those that are new and those that went, and no others', () => {
  const changes = Array.from({ length: 600 }, (_, index) => ({ field: `field-${index}-${'x'.repeat(60)}`, before: 1, after: 2 }));
  const report = (some: typeof changes): Report => makeReport({ ...drift, outcomes: [one('a/b', 'update', some)] });
  const before = readMemory(renderIssue(report(changes.slice(0, -1)), { ...mark, kind: 'drift' }, origin));
  const told = renderDelta(report(changes.slice(1)), before, origin);
  const names = (part: string): string[] => [...part.matchAll(/field-\d+|… and \d+ more/g)].map(([name]) => name);
  const [fresh = '', gone = ''] = told.split('**Gone**');
  assert.deepEqual([names(fresh), names(gone)], [['field-599'], ['field-0']]);
  const without = renderDelta(report(changes.slice(0, 598)), before, origin);
  assert.deepEqual(names(without), ['… and 1 more'], 'for the text of the last one there was no room');
});

test('no text is cut in the middle of a character, and half a character of somebody else’s breaks nothing', () => {
  for (const length of [0, 1, 2, 3]) {
    const field = `${'x'.repeat(180 + length)}${'🔑'.repeat(20)}\ud83d`;
    const report = makeReport({ ...drift, outcomes: [one('a/b', 'update', [{ field, before: field, after: 1 }])] });
    const issue = renderIssue(report, mark, origin);
    assert.match(readMemory(issue)?.[0]?.text ?? '', /^medium: a\/b: x+🔑*…$/u);
    for (const text of [issue, renderComment(report, mark, origin), renderMarkdown(report), renderDelta(report, [], origin)])
      assert.doesNotMatch(text, /\p{Surrogate}/u);
  }
});

test('a secret that is cut in half is redacted before', () => {
  const secret = new Secret(`half-of-${'s'.repeat(400)}-me`);
  const report = makeReport({ ...drift, outcomes: outcomesOf('update').map((row) => ({ ...row, note: `${'x'.repeat(190)}${secret.open()}` })) });
  for (const text of [renderMarkdown(report), renderComment(report, mark, origin), renderIssue(report, mark, origin)]) {
    assert.ok(!text.includes('half-of') && !text.includes('sssss'));
  }
});
