/** Owns what the files of IAM share: who may administer, list links, "not found". */
import { rightsOf } from './auth.ts';
import { type Call, Refusal } from './service.ts';

/**
 * Security Administrator on the domain; a token must be scoped to the domain.
 * @throws Refusal 403
 */
export function mustAdminister(call: Call): void {
  const { caller } = call;
  const scoped = caller?.via === 'token' && caller.projectId !== undefined;
  if (caller === undefined || scoped || rightsOf(call.world.store, caller.principal, undefined) !== 'full')
    throw new Refusal(403, 'IAM.0003', "Policy doesn't allow the action to be performed: a domain-scoped Security Administrator is needed.");
}

export const links = (call: Call) => ({
  self: `https://${call.host}${call.path}${call.query.size > 0 ? `?${call.query}` : ''}`,
  previous: null,
  next: null,
});
export const missing = (what: string, id: string | undefined): Refusal => new Refusal(404, 'IAM.0004', `Could not find ${what}: ${id ?? ''}.`);
