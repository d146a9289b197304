/**
 * Mistakes in what the cluster may reach: a database that does not admit it, a solver with another key, nodes without a way
 * out. Packets are dropped and nothing answers, so the run must say what the silence means; and end, not wait for hours.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../sandbox/otc/store.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, verdictOf } from '../harness/telling.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

type Rule = Row & { readonly security_group_id: string };
type Named = Row & { readonly name: string };

const stackSecret = Buffer.from('the one secret of a third stack, 32 bytes').toString('base64');
const inputs = { 'stack-secret': stackSecret };

describe('a mistake in what may reach what', { timeout: 400_000 }, () => {
  let world: TestWorld;

  before(async () => {
    world = await startWorld({ pace: 'instant' });
  });
  after(async () => await world?.stop());

  it('no rule for the database, a key that only reads for the solver: both are said in one run', async () => {
    const { READER_ACCESS_KEY: key = '', READER_SECRET_KEY: secret = '' } = world.env;
    const going = world.deploy({ inputs: { ...inputs, 'acme-access-key': key, 'acme-secret-key': secret } });
    // Somebody takes the rules away while nodes are made: the pods will knock in vain.
    await until(async () => (await world.control.table('cce.nodepools')).length > 0);
    const guarded = (await world.control.table<Named>('vpc.security-groups')).find(({ name }) => /-rds-instance-/.test(name));
    const rules = (await world.control.table<Rule>('vpc.security-group-rules')).filter(({ security_group_id: group }) => group === guarded?.id);
    assert.equal(rules.length, 2);
    await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: rules.map(({ id }) => id) } } });
    const run = await going;

    assert.equal(run.exitCode, 1, run.log);
    assert.equal(verdictOf(run, 'zitadel/release'), 'failed');
    // Whichever comes first: the Job's attempts are used up, or it has run for longer than it ever should.
    assert.match(errorsOf(run), /job zitadel-init: Failed.*i\/o timeout|job zitadel-init has been running for 60 s/s);
    assert.match(errorsOf(run), /database(, which)? does not answer: check that .*security group admits rds-client/);
    assert.equal(verdictOf(run, 'certificates/certificate'), 'failed');
    assert.match(errorsOf(run), /Certificate zitadel\/zitadel-tls was not issued/);
    assert.match(errorsOf(run), /check acme-access-key and acme-secret-key/);
    for (const id of ['ingress/contour', 'dns/record', 'database/instance']) assert.equal(verdictOf(run, id), 'create', id);
    const challenges = (await world.control.table<Named & { readonly type: string }>('dns.recordsets')).filter(({ type }) => type === 'TXT');
    assert.deepEqual(challenges, [], 'a key that only reads writes no record');
    assert.ok(run.took < 200_000, `${run.took} ms`);
  });

  it('the next deploy heals both: rules, key, solver, certificate, database', async () => {
    const run = await world.deploy({ inputs });
    assert.equal(run.exitCode, 0, run.log);
    const facts = await cloud.cloudFacts(world);
    cloud.expectCloud(facts);
    await cluster.expectCertificates(world);
    await cluster.expectZitadel(world, facts);
    await cluster.expectSchema(world, facts, stackSecret);
    await cluster.expectOutside(world);
  });

  it('nodes without a way out cannot pull images, and the run says so', async () => {
    const network = { egress: 'none' };
    const closed = await world.deploy({ inputs, config: stackFile({ network }) });
    assert.equal(closed.exitCode, 0, closed.log);
    // A controller whose images no node has yet.
    const run = await world.deploy({ inputs, config: stackFile({ network, ingress: { controller: 'haproxy' } }) });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /ImagePullBackOff|ErrImagePull/);
    assert.match(errorsOf(run), /egress/, 'what to do');
    assert.deepEqual(await world.control.table('nat.gateways'), [], 'nothing that was not asked for');
    assert.ok(run.took < 200_000, `${run.took} ms`);
  });
});

async function until(test: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error('the deploy did not come as far as expected within 60 s');
    await sleep(50);
  }
}
