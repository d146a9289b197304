/** The workflows in `examples/`: gates that fail closed, and groups in which nothing cancels what it should not. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';

interface Step {
  readonly uses: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly concurrency?: string | { readonly group: string; readonly 'cancel-in-progress'?: boolean };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly concurrency?: Job['concurrency'];
  readonly jobs: Readonly<Record<string, Job>>;
}

const folder = new URL('../../../examples/', import.meta.url);
const workflows = readdirSync(folder)
  .filter((name) => name.endsWith('.yml'))
  .map((name) => ({ name, workflow: parse(readFileSync(new URL(name, folder), 'utf8')) as Workflow }));
const jobs = workflows.flatMap(({ name, workflow }) =>
  Object.entries(workflow.jobs).flatMap(([id, job]) =>
    job.steps
      .filter(({ uses }) => uses.startsWith('OWNER/zitadel-on-otc@'))
      .map(({ with: inputs = {} }) => ({
        ...{ at: `${name} ${id}`, name, inputs, command: String(inputs['command'] ?? 'deploy') },
        group: groupOf(job.concurrency),
        ofAll: groupOf(workflow.concurrency),
        cancels: [job, workflow].some(({ concurrency }) => typeof concurrency === 'object' && concurrency['cancel-in-progress'] === true),
      })),
  ),
);
const writes = (command: string): boolean => ['deploy', 'destroy'].includes(command);

function groupOf(concurrency: Job['concurrency']): string | undefined {
  return typeof concurrency === 'object' ? concurrency.group : concurrency;
}

test('an approved plan that got lost is handed over as a word that deploy refuses, never as nothing', () => {
  const gated = jobs.filter(({ inputs }) => inputs['plan-digest'] !== undefined);
  assert.ok(gated.length > 0);
  for (const { at, inputs } of gated) assert.match(String(inputs['plan-digest']), /^\$\{\{ needs\.\w+\.outputs\.\w+ \|\| 'missing' \}\}$/, at);
});

test('what writes is in a group that nothing else is in, on the job, and is never cancelled halfway', () => {
  const writing = jobs.filter(({ command }) => writes(command));
  const groups = new Set(writing.map(({ group }) => group));
  assert.ok(writing.length >= 4);
  for (const { at, group, ofAll, cancels } of writing) assert.deepEqual([group === undefined, ofAll, cancels], [false, undefined, false], at);
  for (const { at, command, group, ofAll } of jobs)
    if (!writes(command))
      assert.ok(!groups.has(group ?? '') && !groups.has(ofAll ?? ''), `${at} waits with what writes, and cancels what waits there`);
  const one = writing.filter(({ name }) => name !== 'matrix.yml').map(({ group }) => group);
  assert.deepEqual(new Set(one), new Set(['zitadel-prod']));
});
