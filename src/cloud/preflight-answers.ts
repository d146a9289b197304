/** Owns what counts as no answer to a question of the preflight: it stops nothing, and is told once, by the check whose question it is. */
import { Fault } from '../engine/fault.ts';
import { isTrouble, ServiceFault } from '../otc/errors.ts';

/**
 * The fault of a question that got no answer: trouble, or a user who may make things and not read quotas. Undefined for one that
 * speaks against the whole run, as credentials that do not hold any more.
 */
export function unanswered(error: unknown): Fault | undefined {
  return error instanceof ServiceFault && error.status !== 401 ? error : silent(error);
}

/** The same where a refusal is itself an answer: only trouble, throttling, and what could not be reached. */
export function silent(error: unknown): Fault | undefined {
  return error instanceof Fault && isTrouble(error) ? error : undefined;
}

/** In place of an answer that another check asks for as well, and tells the lack of. */
export const TOLD_BY_ITS_CHECK = Symbol('not answered: told by its own check');

/** The answer to another check's question. @throws what speaks against the whole run */
export async function ifAnswered<T>(question: Promise<T>): Promise<T | typeof TOLD_BY_ITS_CHECK> {
  try {
    return await question;
  } catch (error) {
    if (unanswered(error) === undefined) throw error;
    return TOLD_BY_ITS_CHECK;
  }
}
