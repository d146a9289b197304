/**
 * Owns what `destroy` must say of the secret before anything is deleted: the right one is known by the check value of the
 * masterkey in the instance's tags, and without it nobody reads the data again, whether the instance or its last backup is kept.
 */
import { Cancelled, Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import type { CloudContext } from './context.ts';
import type { DatabaseResource } from './database.ts';
import { type DatabaseSeen, isOtherMasterkey, MASTERKEY_TAG } from './database-spec.ts';
import type { FormerDatabase } from './former.ts';

/** @returns what to say, and whether `destroy` must not begin; undefined where the secret is right or there is no data to lose */
export async function secretAtDestroy(
  { stack, secrets }: Pick<CloudContext, 'stack' | 'secrets'>,
  [database, former]: readonly [DatabaseResource, FormerDatabase],
  run: Run,
): Promise<{ readonly notice: Fault; readonly refuses: boolean } | undefined> {
  let seen: DatabaseSeen | undefined;
  try {
    seen = database.readsOnly === true ? await former.observe({}, run) : await database.observe({}, run);
  } catch (error) {
    // Where the database stays, that it cannot be looked at keeps nothing else from going; its own row tells of it.
    if (stack.destroy.database || error instanceof Cancelled || !(error instanceof Fault)) throw error;
  }
  if (seen === undefined) return undefined;
  const { masterkey } = secrets;
  if (isOtherMasterkey(seen.tags, masterkey)) return { notice: otherSecret(seen, stack.destroy.database), refuses: stack.destroy.database };
  if (masterkey !== undefined || !stack.destroy.database || !seen.tags.some(({ key }) => key === MASTERKEY_TAG)) return undefined;
  const notice = new Fault(`no stack-secret was given, so nothing shows that you still have the one that RDS instance ${seen.name} was set up with`, {
    resource: seen.id,
    hint: 'Without it (or the masterkey) the last backup of the database cannot be read.',
  });
  return { notice, refuses: false };
}

function otherSecret({ id, name }: DatabaseSeen, deletes: boolean): Fault {
  return new Fault(
    `the stack-secret (or masterkey) given is not the one that this stack was made with: RDS instance ${name} has the check value of another`,
    {
      resource: id,
      finding: 'masterkey',
      hint: deletes
        ? 'With destroy.database, destroy refuses this before anything is deleted, since the last backup of the database cannot be read with it. Give the one the stack was made with, or none at all.'
        : 'Destroy goes on and keeps the database. Keep the one that the stack was made with: without it the data cannot be read.',
    },
  );
}
