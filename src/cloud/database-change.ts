/**
 * Owns carrying out what differs on a living RDS instance: one change after another, since RDS takes one at a time, and each
 * awaited until the instance itself shows it. What differs is decided in `database-spec.ts`.
 */
import { Fault } from '../engine/fault.ts';
import type { Change, Run } from '../engine/resource.ts';
import { type Schedule, schedules, until } from '../engine/until.ts';
import * as rds from '../otc/rds.ts';
import { type CloudContext, secretMissing } from './context.ts';
import { isParameter, parameterValues } from './database-parameters.ts';
import {
  type DatabaseSeen,
  type DatabaseSpec,
  databaseChanges,
  isServing,
  MASTERKEY_TAG,
  masterkeyCheck,
  passwordTag,
  ROOT_PASSWORD,
  refuseFailed,
  wantedExpansion,
} from './database-spec.ts';

/** Looks at the service, not at what is known. */
type Look = () => Promise<DatabaseSeen | undefined>;

/**
 * Carries out all changes.
 * @returns the instance as it then is
 * @throws Fault where one does not arrive in its time, or RDS says why it cannot
 */
export async function changeAll(
  context: CloudContext,
  spec: DatabaseSpec,
  seen: DatabaseSeen,
  changes: readonly Change[],
  look: Look,
  run: Run,
): Promise<DatabaseSeen> {
  let now = seen;
  for (const change of changes) {
    // One call can carry out several, as those of the backup strategy.
    const left = databaseChanges(spec, now);
    if (!left.some(({ field }) => field === change.field)) continue;
    const { waitForRestart = [] } = now;
    const waits = isParameter(change) ? await setParameters(context, spec, now, left, run) : [];
    if (!isParameter(change)) await begin(context, spec, now, change, run);
    now = { ...(await arrived(context, spec, change, look, run)), waitForRestart: [...waitForRestart, ...waits] };
  }
  return now;
}

/**
 * Waits until the instance shows a change and serves again. Neither its status nor a finished job proves that: a workflow is only
 * queued when it is answered, and some have no status at all (RDS API v3, "Changing a Security Group").
 */
function arrived({ otc }: CloudContext, spec: DatabaseSpec, { field }: Change, look: Look, run: Run): Promise<DatabaseSeen> {
  return until(`${field} of RDS instance ${spec.name} to change`, scheduleOf(field), run, async () => {
    const now = await look();
    if (now === undefined) throw new Fault(`RDS instance ${spec.name} disappeared while ${field} was being changed`, { resource: spec.name });
    refuseFailed(now);
    if (!isServing(now)) return { done: false, state: now.status };
    const left = databaseChanges(spec, now).find((change) => change.field === field);
    if (left !== undefined) return { done: false, state: `${now.status}, ${field} is still ${String(left.before ?? 'missing')}` };
    // Its ports and groups may be others now.
    otc.forget();
    return { done: true, value: now };
  });
}

/** A flavor takes 5 to 10 minutes of interruption and may wait for its turn, a group 1 to 3 (RDS API v3; user guide). */
function scheduleOf(field: string): Schedule {
  if (field === 'flavor_ref') return { ...schedules.long, deadlineSeconds: 3600 };
  if (field === 'ha' || field === 'volume.size') return schedules.long;
  return { ...schedules.medium, usualSeconds: field === 'port' || field === 'security_group_id' ? 120 : 10 };
}

async function begin(context: CloudContext, spec: DatabaseSpec, seen: DatabaseSeen, { field }: Change, run: Run): Promise<void> {
  const { otc, secrets } = context;
  const { id } = seen;
  const job = async (started: Promise<string | undefined>): Promise<void> => whenDone(context, field, await started, run);
  if (field === 'ha') {
    const here = seen.nodes[0]?.availability_zone;
    const zone = spec.zones.find((one) => one !== here) ?? spec.zones[0] ?? '';
    return job(rds.act(otc, id, { single_to_ha: { az_code_new_node: zone } }));
  }
  if (field === 'flavor_ref') return job(rds.act(otc, id, { resize_flavor: { spec_code: spec.flavor } }));
  if (field === 'volume.size') return job(rds.act(otc, id, { enlarge_volume: { size: spec.storage.size } }));
  if (field === 'ha.replication_mode') return rds.setReplicationMode(otc, id, spec.replication ?? 'async');
  if (field === 'security_group_id') return rds.setSecurityGroup(otc, id, spec.securityGroupId ?? '');
  if (field === 'port') return rds.setPort(otc, id, spec.port);
  if (field.startsWith('backup_strategy')) return rds.setBackupPolicy(otc, id, spec.backup);
  if (field === 'disk auto-expansion') return rds.setAutoExpansion(otc, id, wantedExpansion(spec.storage, seen.volume.size));
  if (field === 'public_ips') return rds.unbindPublicIp(otc, id);
  if (field === `tag ${MASTERKEY_TAG}`) return rds.addTags(otc, id, [checkTag(context, spec)]);
  if (!field.endsWith(ROOT_PASSWORD)) throw new Error(`nothing carries out ${field}`);
  if (secrets.databaseRootPassword === undefined) throw secretMissing(`root's password on RDS instance ${spec.name}`, 'database-password');
  // The tag comes last: a run that died before it sets the same password once more.
  await rds.setRootPassword(otc, id, secrets.databaseRootPassword.open());
  return rds.addTags(otc, id, [passwordTag(spec.passwordGeneration, spec.passwordCheck)]);
}

/** Sets all loosened parameters at once. @returns those that wait for a restart, which is the operator's to choose */
async function setParameters(
  { otc }: CloudContext,
  { name }: DatabaseSpec,
  { id }: DatabaseSeen,
  left: readonly Change[],
  run: Run,
): Promise<string[]> {
  const values = parameterValues(left);
  const { restart_required: restart = false, ignored_params: ignored } = await rds.setParameters(otc, id, values);
  if (ignored !== undefined && ignored !== null && ignored.length > 0) {
    throw new Fault(`RDS did not take ${ignored.join(', ')} of instance ${name}`, {
      resource: id,
      hint: 'Set them back in the RDS console (Parameters of the instance), or apply the default parameter template there.',
    });
  }
  if (!restart) return [];
  run.say(`${Object.keys(values).join(', ')} will hold after the next restart of the database; this action does not restart it`);
  return Object.keys(values);
}

export function checkTag({ secrets }: CloudContext, { name }: DatabaseSpec): rds.Tag {
  if (secrets.masterkey === undefined) throw secretMissing(`the check value on RDS instance ${name}`, 'masterkey');
  return { key: MASTERKEY_TAG, value: masterkeyCheck(secrets.masterkey) };
}

async function whenDone({ otc }: CloudContext, what: string, jobId: string | undefined, run: Run): Promise<void> {
  if (jobId === undefined) return;
  await until(`the change of ${what}`, scheduleOf(what), run, async () => {
    const job = await rds.getJob(otc, jobId);
    if (job.status === 'Failed') {
      throw new Fault(`RDS could not change ${what}: ${job.fail_reason ?? 'no reason given'}`, {
        resource: jobId,
        hint: 'Correct the stack file or look at the task centre.',
      });
    }
    return job.status === 'Completed' ? { done: true, value: undefined } : { done: false, state: `${job.status} ${job.process ?? ''}`.trim() };
  });
}
