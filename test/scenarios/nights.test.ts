/**
 * Thirty nights in a row: people change things and change them back, deploys heal some, and each night `drift` looks. It names
 * what differs and nothing else; there is never a second issue; the issue is told what is new and nothing twice. `SEED`
 * chooses other nights.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { CommentRow, IssueRow } from '../../sandbox/github/tables.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { quietChanges } from '../harness/by-hand.ts';
import { chance, seedOf } from '../harness/chance.ts';
import { deployedWorld, stackSecret } from '../harness/deployed.ts';
import type { HandChange } from '../harness/hands.ts';
import { type Found, findingsIn } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';

const nights = 30;
const inputs = { 'stack-secret': stackSecret, 'drift-issue': 'true' };

interface Issue {
  readonly issues: readonly IssueRow[];
  readonly comments: readonly CommentRow[];
}

/** What is wrong about what a drift run found, with these changes standing: false findings, and changes that it missed. */
function misjudged(found: readonly Found[], standing: readonly HandChange[]): string[] {
  const fits = (finding: Found, change: HandChange): boolean => finding.id === change.id && change.field.test(finding.what);
  const outside = standing.some((change) => change.outside === true);
  return [
    ...found
      .filter((finding) => !standing.some((change) => fits(finding, change)) && !(outside && finding.id === 'zitadel/verification'))
      .map(({ id, what }) => `false: ${id} ${what}`),
    ...standing.filter((change) => !found.some((finding) => fits(finding, change))).map(({ what }) => `missed: ${what}`),
  ];
}

describe('thirty nights of drift', { timeout: 400_000 }, () => {
  let world: TestWorld;
  const drift = (): Promise<RunResult> => world.deploy({ command: 'drift', inputs });
  const github = async (): Promise<Issue> => ({
    issues: (await world.control.table<IssueRow>('github.issues')).filter(({ pullRequest }) => !pullRequest),
    comments: await world.control.table<CommentRow>('github.comments'),
  });

  before(async () => {
    world = await deployedWorld();
  });
  after(async () => await world?.stop());

  it('never two issues, never a false finding, told once and closed when clean', async (test) => {
    const seed = seedOf(20_261_126);
    test.diagnostic(`seed ${seed}`);
    const { next, one, some } = chance(seed);
    const standing = new Map<HandChange, () => Promise<void>>();
    const happened: Record<string, number> = {};
    let shown = '';
    let before = await github();
    for (let night = 1; night <= nights; night += 1) {
      const dice = next();
      const still = quietChanges.filter((change) => !standing.has(change));
      const day = dice < 0.3 ? 'nothing' : dice < 0.65 ? 'changed' : dice < 0.85 ? 'undone' : standing.size > 0 ? 'deployed' : 'nothing';
      if (day === 'changed') for (const change of some(still, 1 + Math.floor(next() * 2))) standing.set(change, await change.make(world));
      if (day === 'undone')
        for (const change of next() < 0.4 ? [...standing.keys()] : standing.size > 0 ? [one([...standing.keys()])] : []) {
          await standing.get(change)?.();
          standing.delete(change);
        }
      if (day === 'deployed') {
        // What no deploy heals, people do.
        for (const [change, undo] of standing) if (change.refused !== undefined) await undo();
        const healed = await world.deploy({ inputs });
        assert.equal(healed.exitCode, 0, healed.log);
        standing.clear();
      }
      const when = `seed ${seed}, night ${night} (${day}; ${[...standing.keys()].map(({ what }) => what).join(', ') || 'clean'})`;
      const run = await drift();
      assert.equal(run.exitCode, 0, `${when}: ${run.log}`);
      const found = findingsIn(run);
      assert.deepEqual(misjudged(found, [...standing.keys()]), [], when);
      assert.equal(run.outputs['result'], found.length > 0 ? 'drifted' : 'unchanged', when);

      const now = await github();
      assert.ok(now.issues.length <= 1, `${when}: ${now.issues.length} issues`);
      const [issue] = now.issues;
      const [was] = before.issues;
      const set = found
        .map(({ key }) => key)
        .sort()
        .join();
      const step =
        found.length === 0
          ? was?.state === 'open'
            ? 'closed'
            : 'nothing'
          : was === undefined
            ? 'opened'
            : was.state === 'closed'
              ? 'reopened'
              : set === shown
                ? 'nothing'
                : 'edited';
      assert.equal(issue?.state ?? 'none', found.length > 0 ? 'open' : was === undefined ? 'none' : 'closed', when);
      assert.equal(now.comments.length - before.comments.length, step === 'nothing' || step === 'opened' ? 0 : 1, `${when}: comments, ${step}`);
      if (step === 'nothing') assert.deepEqual(now, before, `${when}: nothing new, nothing said`);
      else if (found.length > 0) assert.notEqual(issue?.body, was?.body, `${when}: the body shows the new set`);
      for (const { id, what } of found)
        if (found.length > 0) assert.ok(textOf(issue).includes(textIn(what)), `${when}: the issue shows ${id} ${what}`);
      happened[step] = (happened[step] ?? 0) + 1;
      shown = set;
      before = now;
    }
    test.diagnostic(JSON.stringify(happened));
    for (const step of ['opened', 'edited', 'closed', 'reopened', 'nothing'])
      assert.ok((happened[step] ?? 0) > 0, `seed ${seed}: ${step} never happened`);
    assert.deepEqual(await world.control.oddities(), []);
  });

  it('the judgement itself notices a false finding and a missed one', () => {
    const [change, other] = quietChanges;
    assert.ok(change && other);
    const right = { id: change.id, what: 'rule ingress tcp 5432 from 0.0.0.0/0', key: '1' };
    assert.deepEqual(misjudged([right], [change]), []);
    assert.deepEqual(misjudged([right], []), [`false: ${right.id} ${right.what}`]);
    assert.deepEqual(misjudged([], [change]), [`missed: ${change.what}`]);
    assert.deepEqual(misjudged([{ ...right, what: 'something else' }], [change]), [`false: ${right.id} something else`, `missed: ${change.what}`]);
    assert.deepEqual(misjudged([right, { id: 'zitadel/verification', what: 'DNS', key: '2' }], [change]), ['false: zitadel/verification DNS']);
  });
});

/** An issue's body without what Markdown needs around the words. */
const textOf = (issue: IssueRow | undefined): string =>
  textIn((issue?.body ?? '').replace(/&#(\d+);/g, (_entity, code: string) => String.fromCharCode(Number(code))));
const textIn = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, '');
