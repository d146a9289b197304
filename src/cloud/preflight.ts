/**
 * Owns the questions that are better asked before a wait of half an hour: quotas, what the region offers, what others have in the way. Asks
 * only about what is still missing. A finding stops everything; a question that is not answered stops nothing, and is named. What is missing
 * is counted in `preflight-missing.ts`, the checks themselves stand in `preflight-checks.ts` and `preflight-others.ts`, what is no answer
 * in `preflight-answers.ts`.
 */
import { Fault } from '../engine/fault.ts';
import { check, type Resource, type Run } from '../engine/resource.ts';
import { isTrouble, ServiceFault } from '../otc/errors.ts';
import type { CloudContext } from './context.ts';
import { dnsHomeProblems } from './dns-home.ts';
import { existingClusterProblems } from './former.ts';
import { handedNames, prove } from './handed.ts';
import { silent, unanswered } from './preflight-answers.ts';
import { type Check, checksFor } from './preflight-checks.ts';
import { type Look, missingOf } from './preflight-missing.ts';
import { othersChecks } from './preflight-others.ts';

export interface PreflightSeen {
  /** What was looked into; empty where nothing is to be made. */
  readonly checked: readonly string[];
  /** What was asked and not answered, with the service's words. */
  readonly unchecked: readonly Unchecked[];
}

interface Unchecked {
  readonly name: string;
  readonly why: string;
}

export type Preflight = Resource<Record<string, never>, null, PreflightSeen>;

export function preflight(context: CloudContext): Preflight {
  return check<Record<string, never>, null, PreflightSeen>({
    id: 'project/preflight',
    title: 'Quotas and offers',
    needs: {},
    wanted: true,
    gate: true,
    want: () => null,
    observe: async (_needs, run) => {
      const unchecked: Unchecked[] = [];
      const ask = async <T>(name: string, question: Promise<T>, silence = unanswered): Promise<T | undefined> => {
        try {
          return await question;
        } catch (error) {
          const fault = silence(error);
          if (fault === undefined) throw error;
          unchecked.push(uncheckedBy(name, fault, run));
          return undefined;
        }
      };
      // Without a list nothing can be made or found again: that it may not be read is a finding itself.
      const forbidden = new Set<string>();
      const look: Look = (what, list) =>
        ask(
          what,
          list.catch((error: unknown) => {
            if (!(error instanceof ServiceFault) || error.status !== 403) throw error;
            forbidden.add(`${error.message}. ${error.hint ?? ''}`);
            return undefined;
          }),
          silent,
        );
      const [home, missing] = await Promise.all([ask("the public zone's project", dnsHomeProblems(context), silent), missingOf(context, look)]);
      const making = missing.clusters > 0;
      const checks: Check[] = [...checksFor(context, missing), ...othersChecks(context, missing, home)];
      // Where this run itself cannot get to the zone's project, there is nothing to compare with.
      const pods = (making || context.checks === true) && home?.length === 0 ? (['solver', 'externalDns'] as const) : [];
      const found = await Promise.all([
        home,
        ask('clusters of stacks', existingClusterProblems(context), silent),
        [...forbidden],
        ...pods.map((pod) => ask(handedNames[pod], refusalOf(prove(context, pod)), silent)),
        making || context.checks === true ? (context.missingInputs ?? []) : [],
        ...checks.map(({ name, problems }) => ask(name, problems())),
      ]);
      refuse(found.flatMap((problems) => problems ?? []));
      const open = new Set(unchecked.map(({ name }) => name));
      return { checked: checks.map(({ name }) => name).filter((name) => !open.has(name)), unchecked };
    },
    diff: () => [],
    notice: ({ unchecked }) =>
      unchecked.length === 0 ? undefined : `not checked: ${unchecked.map(({ name, why }) => `${name} (${why})`).join('; ')}`,
    facts: ({ checked }) => ({ checked: checked.length === 0 ? 'nothing to be made' : checked.join(', ') }),
  });
}

function uncheckedBy(name: string, { message, hint }: Fault, run: Run): Unchecked {
  const why = hint === undefined ? message : `${message}. ${hint}`;
  run.say(`${name} not checked: ${why}`);
  return { name, why };
}

/** A refusal as a sentence; what is no answer at all stays an error. */
async function refusalOf(proof: Promise<void>): Promise<string[]> {
  try {
    await proof;
    return [];
  } catch (error) {
    if (!(error instanceof Fault) || isTrouble(error)) throw error;
    return [`${error.message}. ${error.hint ?? ''}`];
  }
}

function refuse(problems: readonly string[]): void {
  const [only] = problems;
  if (only === undefined) return;
  const message =
    problems.length === 1
      ? only
      : `${problems.length} things would stop the deployment later:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
  throw new Fault(message, {
    hint: 'Correct the stack file or raise the quota ("My Quota" in the console), then run again. Nothing was made that needs this.',
  });
}
