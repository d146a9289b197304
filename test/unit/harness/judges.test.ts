/** The judges of the scenarios themselves: each must notice what it is there for, or a green scenario proves nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry } from '../../../sandbox/control/state.ts';
import { grown, twice, writes } from '../../harness/census.ts';
import { chance } from '../../harness/chance.ts';
import { findLeaks, forms } from '../../harness/leaks.ts';

const call = (method: string, path: string): Entry => ({
  ...{ service: 'vpc', host: 'vpc.eu-de.otc.t-systems.com', query: '', status: 200, at: 0, took: 0, requestId: '', source: '' },
  ...{ method, path },
});

describe('a judge notices', () => {
  it('each call that writes, but for signing in and the certificate of the cluster', () => {
    const harmless = [call('GET', '/v1/p/vpcs'), call('POST', '/v3/auth/tokens'), call('POST', '/api/v3/projects/p/clusters/c/clustercert')];
    assert.deepEqual(writes(harmless), []);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      assert.deepEqual(writes([...harmless, call(method, '/v1/p/vpcs/v')]), [`${method} /v1/p/vpcs/v`]);
    assert.deepEqual(writes([call('DELETE', '/v3/auth/tokens')]), ['DELETE /v3/auth/tokens']);
    assert.deepEqual(writes([call('POST', '/api/v3/projects/p/clusters/c/clustercert/more')]).length, 1);
  });

  it('one resource more, and one less', () => {
    assert.deepEqual(grown({ 'vpc.vpcs': ['a'], 'dns.zones': [] }, { 'vpc.vpcs': ['a'], 'dns.zones': [] }), {});
    assert.deepEqual(grown({ 'vpc.vpcs': ['a'], 'dns.zones': ['z'] }, { 'vpc.vpcs': ['a', 'b'], 'dns.zones': [] }), {
      'vpc.vpcs': 1,
      'dns.zones': -1,
    });
  });

  it('a twin', () => {
    assert.deepEqual(twice({ 'vpc.vpcs': ['a', 'b'], 'rds.instances': ['a'] }), []);
    assert.deepEqual(twice({ 'vpc.vpcs': ['a', 'b', 'a'], 'rds.instances': ['a', 'a'] }), ['vpc.vpcs: a', 'rds.instances: a']);
  });

  it('a secret in every form, at every place, and nothing where there is none', () => {
    const secret = { name: 'password', value: 'Pa\'ss: w0rd/+#"x' };
    assert.ok(forms(secret.value).length >= 6);
    for (const form of forms(secret.value))
      assert.deepEqual(findLeaks([secret], [{ where: 'log', text: `before${form}after` }]), ['password in log'], form);
    const inside = Buffer.from(`user:${secret.value}:more`).toString('base64');
    assert.deepEqual(findLeaks([secret], [{ where: 'log', text: inside }]), ['password in log'], 'base64 of a longer text');
    assert.deepEqual(findLeaks([secret], [{ where: 'log', text: 'Pa ss w0rd, nothing of it' }]), []);
  });
});

describe('chance', () => {
  it('is the same for the same seed, and another for another', () => {
    const draw = (seed: number): number[] => {
      const { next } = chance(seed);
      return Array.from({ length: 20 }, next);
    };
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
    assert.ok(draw(3).every((number) => number >= 0 && number < 1));
  });

  it('takes so many of some, each once, in their order', () => {
    const { some, one } = chance(7);
    for (let round = 0; round < 50; round += 1) {
      const taken = some([1, 2, 3, 4, 5], 3);
      assert.equal(taken.length, 3);
      assert.deepEqual(taken, [...new Set(taken)].sort());
    }
    assert.deepEqual(some([1, 2], 5), [1, 2]);
    assert.equal(one(['only']), 'only');
    assert.throws(() => one([]), /nothing to choose from/);
  });
});
