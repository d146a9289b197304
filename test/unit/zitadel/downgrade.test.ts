/** Owns the proof that a ZITADEL which goes back to an older version is warned of, and one that does not is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { downgradeWarnings } from '../../../src/zitadel/downgrade.ts';
import { fakeCluster } from '../kube/fakes.ts';
import { activate, deploy, existing } from './deployment.ts';

const told = (from: string, to: string, tags: { before?: string; wanted?: string } = {}): string | undefined => {
  const values = (tag: string | undefined) => (tag === undefined ? {} : { image: { tag } });
  const seen = { chartVersion: from, appVersion: 'v4.13.0', values: values(tags.before) };
  return downgradeWarnings(seen, { version: to, values: values(tags.wanted) })[0]?.message;
};

test('an older chart, by its numbers and not by its letters, is told with both versions', () => {
  assert.match(told('9.34.0', '9.33.0') ?? '', /^zitadel\.chart is 9\.33\.0 and 9\.34\.0 \(ZITADEL v4\.13\.0\) is in place: .* not undone/);
  for (const [from, to] of [
    ['9.10.0', '9.9.0'],
    ['9.34.0', 'v9.34.0-rc.1'],
    ['9.34.0-rc.10', '9.34.0-rc.9'],
    ['10.0.0', '9.99.9'],
  ] as const)
    assert.ok(told(from, to), `${from} → ${to}`);
  for (const [from, to] of [
    ['9.34.0', '9.34.0'],
    ['9.9.0', '9.10.0'],
    ['9.34.0', 'v9.34.0'],
    ['9.34.0-rc.1', '9.34.0'],
    ['9.34.0', 'latest'],
  ] as const)
    assert.equal(told(from, to), undefined, `${from} → ${to}`);
});

test('where both servers are known they decide, whatever the charts are', () => {
  assert.match(told('9.34.0', '9.34.0', { wanted: 'v4.12.3' }) ?? '', /^zitadel\.values asks for ZITADEL v4\.12\.3 and v4\.13\.0 is in place/);
  assert.match(told('9.34.0', '9.34.0', { before: 'v4.14.0' }) ?? '', /asks for ZITADEL v4\.13\.0 and v4\.14\.0/, 'the chart’s own again');
  assert.equal(told('9.34.0', '9.33.0', { wanted: 'v4.13.1' }), undefined);
  assert.ok(told('9.34.0', '9.33.0', { wanted: 'nightly' }), 'a tag that is no version decides nothing');
});

test('plan and deploy both say so', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  for (const write of [false, true]) {
    const outcomes = await deploy(cluster, { write, more: `${existing}zitadel: { chart: 9.33.0 }\n` });
    const { warnings = [] } = outcomes.get('zitadel/release') ?? {};
    assert.match(warnings[0]?.message ?? '', /^zitadel\.chart is 9\.33\.0 and 9\.34\.0/);
    assert.match(warnings[0]?.hint ?? '', /backup.*restore.*database\.existing/);
  }
});
