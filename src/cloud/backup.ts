/**
 * Owns manual backups of the RDS instance: one before ZITADEL's version changes, and a last one before the instance is
 * deleted. They outlive the instance and are never deleted here. What the instance is stands in `database.ts`.
 */
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { type Otc, refusal } from '../otc/client.ts';
import * as rds from '../otc/rds.ts';
import { createOnce } from './context.ts';
import { type DatabaseSeen, isBuilding, isServing } from './database-spec.ts';

/** Usually minutes; hours for large volumes (RDS user guide, "Creating a Manual Backup"). */
const SCHEDULE = { ...schedules.long, deadlineSeconds: 4 * 3600, usualSeconds: 180 };

/**
 * Makes a manual backup and waits until it is complete. One of this name that is there already serves: after an unclear end
 * or a crash it is waited for, not made twice.
 * @param name 4 to 64 letters, digits, `-`, `_`, a letter first (RDS API v3, "Creating a Manual Backup")
 */
export async function backup(
  otc: Otc,
  instance: { readonly id: string; readonly name: string },
  name: string,
  why: string,
  run: Run,
): Promise<rds.Backup> {
  run.say(`making backup ${name}`);
  const find = async (): Promise<rds.Backup | undefined> => (await rds.listManualBackups(otc, instance.id)).find((one) => one.name === name);
  const create = (): Promise<rds.Backup> => rds.createBackup(otc, { instance_id: instance.id, name, description: why });
  const { id } = (await find()) ?? (await createOnce({ what: `backup ${name}`, create, look: find }, run));
  const started = Date.now();
  const done = await until(`backup ${name} of RDS instance ${instance.name}`, SCHEDULE, run, async () => {
    const now = (await rds.listManualBackups(otc, instance.id)).find((one) => one.id === id);
    // The list may lag a little behind the creation.
    if (now === undefined && Date.now() - started < 60_000) return { done: false, state: 'not listed yet' };
    if (now?.status === 'FAILED' || now === undefined) {
      throw new Fault(`backup ${name} of RDS instance ${instance.name} ${now === undefined ? 'disappeared' : 'failed'}`, {
        resource: id,
        hint: 'See the backups of the instance in the RDS console. Nothing was changed or deleted; run again.',
      });
    }
    return now.status === 'COMPLETED' ? { done: true, value: now } : { done: false, state: now.status };
  });
  await until(`RDS instance ${instance.name} to be ACTIVE after its backup`, schedules.long, run, async () => {
    const [now] = await rds.listInstances(otc, { id: instance.id }, true);
    if (now === undefined || now.status === 'ACTIVE') return { done: true, value: undefined };
    return { done: false, state: now.status };
  });
  return done;
}

/** `<prefix>-20260102-030405`, UTC. */
export function backupName(prefix: string, now: Date): string {
  return `${prefix.slice(0, 48)}-${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`;
}

/** One for each revision that is left behind: a run that goes on after a crash finds the backup it began. */
export function upgradeBackupName(prefix: string, { to, revision }: { readonly to: string; readonly revision: number }): string {
  return `${prefix.slice(0, 40)}-r${revision}-${to.replaceAll(/[^A-Za-z0-9]/g, '-')}`.slice(0, 64);
}

/**
 * The last backup before the instance is deleted. Where a former run made one and began the deletion, that one is named; an older
 * one is no last backup. Where a run was killed behind its backup, that one serves, if nothing can have written since.
 * @param seen `unused`: the cluster was gone before this run began
 * @returns what is kept and what is needed to restore it; undefined where the instance never held data
 * @throws Fault where the instance is in a state in which RDS makes no backup: then nothing is deleted
 */
export async function lastBackup(otc: Otc, prefix: string, seen: DatabaseSeen & { readonly unused: boolean }, run: Run): Promise<string | undefined> {
  if (seen.status === 'CREATE FAIL') return undefined;
  const ready = isBuilding(seen) ? await whenBuilt(otc, seen, run) : seen;
  if (ready.status === 'CREATE FAIL') return undefined;
  // Only then does RDS take a backup.
  if (!isServing(ready)) {
    const newest = await newestLast(otc, prefix, seen, LAST);
    if (newest !== undefined) return keptText(seen, newest);
    throw new Fault(`RDS instance ${seen.name} is ${ready.status}: RDS makes no backup of it now, and without a last backup it is not deleted`, {
      resource: seen.id,
      hint: 'Bring it back to ACTIVE and run destroy again; or, if its data is not needed, delete it in the RDS console.',
    });
  }
  const recent = seen.unused ? await newestLast(otc, prefix, seen, UNWRITTEN) : undefined;
  if (recent !== undefined) {
    run.say(`backup ${recent.name} was made by a run that ended before it deleted the instance, and nothing was written since: it is the last one`);
    return keptText(seen, recent);
  }
  const name = backupName(prefix, new Date());
  return keptText(seen, await backup(otc, seen, name, 'Last backup before zitadel-on-otc deleted the instance', run));
}

/** What a plan of destroy says of the last backup; undefined where the instance never held data. */
export function lastBackupText(prefix: string, { status }: DatabaseSeen): string | undefined {
  if (status === 'CREATE FAIL') return undefined;
  return `a last manual backup (${prefix}-…) is made first and kept; restoring its data needs the same stack-secret (or masterkey), without which it cannot be read`;
}

/** Milliseconds for which a backup is taken for the one that a destroy made which died before its end. */
const LAST = 2 * 3_600_000;
/**
 * Milliseconds within which nobody makes a cluster, deploys ZITADEL into it and takes both away again: the cluster alone takes about eight
 * minutes, its nodes six (CCE user guide; `usualSeconds` of both). Where there is none, nothing has written for so long.
 */
const UNWRITTEN = 15 * 60_000;

/** The newest complete one that began less than so many milliseconds ago. */
async function newestLast(otc: Otc, prefix: string, { id }: Pick<DatabaseSeen, 'id'>, age: number): Promise<rds.Backup | undefined> {
  const isLast = ({ name, status, begin_time: begun }: rds.Backup): boolean =>
    name.startsWith(`${prefix}-`) && status === 'COMPLETED' && Date.now() - Date.parse(begun) < age;
  return (await rds.listManualBackups(otc, id))
    .filter(isLast)
    .sort((a, b) => a.begin_time.localeCompare(b.begin_time))
    .at(-1);
}

function whenBuilt(otc: Otc, { id, name }: DatabaseSeen, run: Run): Promise<rds.Instance> {
  return until(`RDS instance ${name} to be made`, schedules.long, run, async () => {
    const [now] = await rds.listInstances(otc, { id }, true);
    if (now === undefined) throw new Fault(`RDS instance ${name} disappeared while it was being made`, { resource: id });
    return isBuilding(now) ? { done: false, state: now.status } : { done: true, value: now };
  });
}

/** What must be like it was where a backup is restored. */
interface Restored {
  readonly name: string;
  readonly datastore: { readonly version: string };
  readonly volume: { readonly size: number };
  readonly port: number;
}

function keptText({ name, datastore, volume, port }: Restored, { id, name: backupOf, begin_time: begun }: rds.Backup): string {
  return (
    `its last backup is kept: ${backupOf} (${id}, begun ${begun}). To bring the data back, restore it in the RDS console to a new ` +
    `PostgreSQL ${datastore.version.split('.')[0]} instance with at least ${volume.size} GB, port ${port}, as ${name} was, name that instance under database.existing, and deploy with the same ` +
    'stack-secret (or masterkey): without it the data cannot be read. The backup costs money until somebody deletes it'
  );
}

/**
 * What is said of the last backups of an instance that is gone. Asked without its id, which nobody knows any more; the RDS API
 * reference has that as mandatory, so a refusal is told with the way to them.
 * @param was as the stack file has it
 * @returns undefined where there is none
 */
export async function lastBackupsLeft(otc: Otc, prefix: string, was: Restored): Promise<string | undefined> {
  const asked = await refusal(rds.listManualBackups(otc));
  if ('refused' in asked)
    return `whether its last backup is kept could not be told (${asked.refused.message}): look in the RDS console for backups named ${prefix}-…`;
  const found = asked.value.filter(({ name, status }) => name.startsWith(`${prefix}-`) && status !== 'FAILED');
  const [newest, ...older] = found.sort((a, b) => b.begin_time.localeCompare(a.begin_time));
  if (newest === undefined) return undefined;
  return [keptText(was, newest), ...older.map(({ id, name }) => `an older one is ${name} (${id})`)].join('; ');
}
