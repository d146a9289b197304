/** Owns reading what a run told people about single resources: the report it leaves behind, and its error messages. */
import assert from 'node:assert/strict';
import type { RunResult } from '../../sandbox/runner/run.ts';

export interface ToldOutcome {
  readonly id: string;
  readonly verdict: string;
  readonly changes: readonly { readonly field: string }[];
  readonly done?: boolean;
}

/** The report file of a run. */
export function reportOf(run: RunResult): { readonly outcomes: readonly ToldOutcome[]; readonly [field: string]: unknown } {
  const [text] = Object.entries(run.leftovers).flatMap(([name, content]) => (name.endsWith('.json') ? [content] : []));
  assert.ok(text !== undefined, 'the run left a report');
  return JSON.parse(text) as { readonly outcomes: readonly ToldOutcome[] };
}

export interface Found {
  readonly id: string;
  readonly what: string;
  readonly key: string;
}

/** What a drift run found, but for versions that grow old. */
export function findingsIn(run: RunResult): Found[] {
  const { findings } = reportOf(run) as { readonly findings?: readonly Found[] };
  assert.ok(findings !== undefined, 'the report has findings');
  return findings.filter(({ id }) => !id.startsWith('version/'));
}

/** Verdict of a resource in the report. */
export function verdictOf(run: RunResult, id: string): string {
  return reportOf(run).outcomes.find((outcome) => outcome.id === id)?.verdict ?? 'not in the report';
}

/** All error annotations as one text, as people read them. */
export const errorsOf = (run: RunResult): string =>
  run.annotations
    .filter(({ level }) => level === 'error')
    .map(({ title = '', message }) => `${title}\n${message}`)
    .join('\n\n');
