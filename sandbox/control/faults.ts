/** Owns reading faults from outside: a misspelt one would match too much or do nothing, and a test would prove nothing. */
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { constants } from 'node:os';
import type { Act, Fault } from './state.ts';
import { checkFields, milliseconds, oneOf, record, shown, type Takes, trueOrFalse, Wrong, wholeFrom } from './wrong.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const path: Takes = {
  words: 'a path that begins with / or *, without query',
  fits: (value) => typeof value === 'string' && /^[/*][^?#]*$/.test(value),
};
const anything: Takes = { words: 'anything', fits: () => true };
const headers: Takes = {
  words: 'an object of header names and texts',
  fits(value) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    return Object.entries(value).every(([name, content]) => typeof content === 'string' && sendable(name, content));
  },
};

function sendable(name: string, content: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, content);
    return true;
  } catch (error) {
    // Both say by an error of this kind that a header cannot be sent.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** By kind: what an act takes, and what it needs. A final answer has a status of 200 or more. */
const acts: Readonly<Record<string, { readonly needs: readonly string[]; readonly takes: Readonly<Record<string, Takes>> }>> = {
  answer: { needs: ['status'], takes: { status: wholeFrom(200, 599), body: anything, headers, effect: oneOf('none', 'after') } },
  delay: { needs: ['milliseconds'], takes: { milliseconds } },
  reset: { needs: ['when'], takes: { when: oneOf('before', 'after') } },
  truncate: { needs: ['bytes'], takes: { bytes: wholeFrom(0) } },
  kill: { needs: ['when', 'signal'], takes: { when: oneOf('before', 'after'), signal: oneOf(...Object.keys(constants.signals)) } },
};

/**
 * Checks a fault's fields.
 * @param services what a fault can name
 * @throws Wrong
 */
export function readFault(value: unknown, services: ReadonlySet<string>): Fault {
  const fault = record(value, 'a fault');
  const own = { service: oneOf(...[...services].sort()), method: oneOf(...methods), path, skip: wholeFrom(0), count: wholeFrom(0) };
  checkFields(fault, { ...own, mutating: trueOrFalse, each: trueOrFalse, act: anything }, 'a fault');
  const act = record(fault['act'], 'act');
  const known = typeof act['kind'] === 'string' && Object.hasOwn(acts, act['kind']) ? acts[act['kind']] : undefined;
  if (known === undefined) throw new Wrong(`act.kind must be one of ${Object.keys(acts).join(', ')}, not ${shown(act['kind'])}`);
  const what = `act ${String(act['kind'])}`;
  checkFields(act, { kind: anything, ...known.takes }, what);
  const missing = known.needs.find((key) => act[key] === undefined);
  if (missing !== undefined) throw new Wrong(`${what} needs ${missing}: ${known.takes[missing]?.words}`);
  return { ...fault, act: act as unknown as Act } as Fault;
}
