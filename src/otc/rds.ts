/** Owns the calls to RDS v3 for PostgreSQL (Relational Database Service API reference). There is no GET of one instance: lists filter. */
import type { Otc } from './client.ts';
import { ServiceFault } from './errors.ts';
import { byOffset } from './paging.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface Instance {
  readonly id: string;
  readonly name: string;
  /** `BUILD`, `ACTIVE`, `BACKING UP`, `MODIFYING`, `CREATE FAIL`, `FAILED` … */
  readonly status: string;
  readonly type: 'Single' | 'Ha' | 'Replica';
  readonly ha?: { readonly replication_mode?: string };
  readonly datastore: { readonly type: string; readonly version: string };
  readonly private_ips: readonly string[];
  readonly public_ips: readonly string[];
  /** A number in lists. */
  readonly port: number | string;
  readonly vpc_id: string;
  readonly subnet_id: string;
  readonly security_group_id: string;
  readonly flavor_ref: string;
  readonly volume: { readonly type: string; readonly size: number };
  readonly backup_strategy: { readonly start_time: string; readonly keep_days: number };
  readonly nodes: readonly { readonly role: string; readonly availability_zone: string }[];
  readonly tags: readonly Tag[];
}

const known = {
  id: 'text',
  name: 'text',
  status: 'text',
  type: 'text',
  flavor_ref: 'text',
  datastore: { type: 'text', version: 'text' },
  volume: { type: 'text', size: 'number' },
  backup_strategy: {},
} as const;
const instances = (otc: Otc): string => `/v3/${otc.projectId}/instances`;

/** PostgreSQL instances by exact name or id, without read replicas. */
export async function listInstances(otc: Otc, filter: { name?: string; id?: string }, fresh?: boolean): Promise<Instance[]> {
  const query = { ...filter, datastore_type: 'PostgreSQL' };
  const all = await byOffset<Instance>(otc, { service: 'rds', path: instances(otc), key: 'instances', each: known, query, limit: 100, fresh });
  const same = ({ id, name }: Instance): boolean => (filter.id ?? id) === id && (filter.name ?? name) === name;
  return all.filter((instance) => same(instance) && instance.type !== 'Replica').map(complete);
}

/** Lists that are empty may come as null, above all while the instance is being made. */
function complete(instance: Instance): Instance {
  const { private_ips, public_ips, nodes, tags } = instance as { readonly [K in keyof Instance]?: Instance[K] | null };
  return { ...instance, private_ips: private_ips ?? [], public_ips: public_ips ?? [], nodes: nodes ?? [], tags: tags ?? [] };
}

export interface NewInstance {
  readonly name: string;
  readonly datastore: { readonly type: 'PostgreSQL'; readonly version: string };
  readonly ha?: { readonly mode: 'Ha'; readonly replication_mode: string };
  readonly flavor_ref: string;
  readonly volume: { readonly type: string; readonly size: number };
  readonly region: string;
  /** Two zones with a comma for HA. */
  readonly availability_zone: string;
  readonly vpc_id: string;
  readonly subnet_id: string;
  readonly security_group_id: string;
  readonly port: string;
  readonly password: string;
  readonly backup_strategy: { readonly start_time: string; readonly keep_days: number };
  readonly charge_info: { readonly charge_mode: 'postPaid' };
}

export async function createInstance(otc: Otc, instance: NewInstance): Promise<{ id: string; jobId: string }> {
  const answer = await otc.post<{ instance: { id: string }; job_id: string }>('rds', instances(otc), instance, { instance: { id: 'text' } });
  return { id: answer.instance.id, jobId: answer.job_id };
}

export interface Job {
  readonly status: 'Running' | 'Completed' | 'Failed';
  readonly process?: string;
  readonly fail_reason?: string;
}

export async function getJob(otc: Otc, id: string): Promise<Job> {
  return (await otc.get<{ job: Job }>('rds', `/v3/${otc.projectId}/jobs`, { must: { job: { status: 'text' } }, query: { id }, fresh: true })).job;
}

type Action = { resize_flavor: { spec_code: string } } | { enlarge_volume: { size: number } } | { single_to_ha: { az_code_new_node: string } };

/** Starts a change of flavor, volume or HA. Flavor changes interrupt the service for 5 to 10 minutes. */
export async function act(otc: Otc, id: string, action: Action): Promise<string | undefined> {
  return (await otc.post<{ job_id?: string } | undefined>('rds', `${instances(otc)}/${id}/action`, action))?.job_id;
}

export async function setRootPassword(otc: Otc, id: string, password: string): Promise<void> {
  const body = { db_user_pwd: password };
  await otc.send<void>({ service: 'rds', method: 'POST', path: `${instances(otc)}/${id}/password`, body, repeatable: true });
}

export async function setSecurityGroup(otc: Otc, id: string, securityGroupId: string): Promise<void> {
  await otc.put<void>('rds', `${instances(otc)}/${id}/security-group`, { security_group_id: securityGroupId });
}

export async function setPort(otc: Otc, id: string, port: number): Promise<void> {
  await otc.put<void>('rds', `${instances(otc)}/${id}/port`, { port });
}

export async function setReplicationMode(otc: Otc, id: string, mode: string): Promise<void> {
  await otc.put<void>('rds', `${instances(otc)}/${id}/failover/mode`, { mode });
}

/** Daily backups in a window of one hour, UTC. */
export async function setBackupPolicy(otc: Otc, id: string, { keep_days, start_time }: { keep_days: number; start_time: string }): Promise<void> {
  const backup_policy = { keep_days, start_time, period: '1,2,3,4,5,6,7' };
  await otc.put<void>('rds', `${instances(otc)}/${id}/backups/policy`, { backup_policy });
}

/** Days of the week on which a backup is made, `1,2` for Monday and Tuesday; undefined where the service does not tell. */
export async function getBackupPeriod(otc: Otc, id: string, fresh?: boolean): Promise<string | undefined> {
  const path = `${instances(otc)}/${id}/backups/policy`;
  return (await otc.get<{ backup_policy?: { period?: string } }>('rds', path, { must: {}, fresh })).backup_policy?.period;
}

export interface Parameter {
  readonly name: string;
  readonly value: string;
  readonly readonly?: boolean;
}

/** All parameters of the instance's own parameter template. */
export async function listParameters(otc: Otc, id: string, fresh?: boolean): Promise<Parameter[]> {
  const path = `${instances(otc)}/${id}/configurations`;
  const must = { configuration_parameters: [{ name: 'text' }, 'or null'] } as const;
  return (await otc.get<{ configuration_parameters: Parameter[] | null }>('rds', path, { must, fresh })).configuration_parameters ?? [];
}

export interface ParametersSet {
  /** True where the new values wait for a restart of the instance. */
  readonly restart_required?: boolean;
  /** Names that do not exist or are read-only. */
  readonly ignored_params?: readonly string[] | null;
}

export async function setParameters(otc: Otc, id: string, values: Readonly<Record<string, string>>): Promise<ParametersSet> {
  return otc.send<ParametersSet>({ service: 'rds', method: 'PUT', path: `${instances(otc)}/${id}/configurations`, body: { values }, must: {} });
}

export interface AutoExpansion {
  readonly switch_option: boolean;
  /** GB */
  readonly limit_size: number;
  /** Percent of free space below which the volume grows. */
  readonly trigger_threshold: number;
}

/** Undefined where the region or the instance does not offer it, which services say by 400, 404 or 405. */
export async function getAutoExpansion(otc: Otc, id: string, fresh?: boolean): Promise<AutoExpansion | undefined> {
  try {
    return await otc.get<AutoExpansion>('rds', `${instances(otc)}/${id}/disk-auto-expansion`, { must: { switch_option: 'flag' }, fresh });
  } catch (error) {
    if (error instanceof ServiceFault && [400, 404, 405].includes(error.status ?? 0)) return undefined;
    throw error;
  }
}

export async function setAutoExpansion(otc: Otc, id: string, expansion: AutoExpansion | { readonly switch_option: false }): Promise<void> {
  await otc.put<void>('rds', `${instances(otc)}/${id}/disk-auto-expansion`, expansion);
}

export async function addTags(otc: Otc, id: string, tags: readonly Tag[]): Promise<void> {
  await otc.send<void>({
    service: 'rds',
    method: 'POST',
    path: `${instances(otc)}/${id}/tags/action`,
    body: { action: 'create', tags },
    repeatable: true,
  });
}

export interface Backup {
  readonly id: string;
  readonly name: string;
  /** `BUILDING`, `COMPLETED`, `FAILED`, `DELETING` */
  readonly status: string;
  /** `auto` or `manual` */
  readonly type: string;
  readonly begin_time: string;
  readonly end_time?: string;
  readonly instance_id: string;
}

const backupKnown = { id: 'text', name: 'text', status: 'text' } as const;

/** Manual backups of an instance, which outlive it; without an instance all of the project. */
export async function listManualBackups(otc: Otc, instanceId?: string): Promise<Backup[]> {
  const query = { ...(instanceId === undefined ? {} : { instance_id: instanceId }), backup_type: 'manual' };
  return byOffset<Backup>(otc, {
    service: 'rds',
    path: `/v3/${otc.projectId}/backups`,
    key: 'backups',
    each: backupKnown,
    query,
    limit: 100,
    fresh: true,
  });
}

/** Starts a manual backup of the whole instance, which stays until somebody deletes it. */
export async function createBackup(otc: Otc, backup: { instance_id: string; name: string; description: string }): Promise<Backup> {
  return (await otc.post<{ backup: Backup }>('rds', `/v3/${otc.projectId}/backups`, backup, { backup: backupKnown })).backup;
}

/** Asynchronous: the instance leaves the list after some minutes. */
export async function deleteInstance(otc: Otc, id: string): Promise<void> {
  await otc.delete('rds', `${instances(otc)}/${id}`);
}

export interface CertificateLink {
  readonly category: string;
  readonly download_link: string;
}

/** Short-lived links to archives with the CA certificates. */
export async function listCertificateLinks(otc: Otc, id: string): Promise<CertificateLink[]> {
  const path = `${instances(otc)}/${id}/ssl-cert/download-link`;
  const must = { cert_info_list: [{ category: 'text', download_link: 'text' }] } as const;
  return (await otc.get<{ cert_info_list: CertificateLink[] }>('rds', path, { must })).cert_info_list;
}

export interface Flavor {
  readonly spec_code: string;
  readonly vcpus: string;
  readonly ram: number;
  readonly instance_mode: string;
  readonly version_name?: readonly string[];
  /** `normal`, `unsupported` or `sellout` by zone. */
  readonly az_status: Readonly<Record<string, string>>;
}

export async function listVersions(otc: Otc): Promise<string[]> {
  const must = { dataStores: [{ name: 'text' }] } as const;
  const { dataStores } = await otc.get<{ dataStores: { name: string }[] }>('rds', `/v3/${otc.projectId}/datastores/PostgreSQL`, { must });
  return dataStores.map(({ name }) => name);
}

export async function listFlavors(otc: Otc, version: string): Promise<Flavor[]> {
  const more = { must: { flavors: [{ spec_code: 'text', az_status: {} }] }, query: { version_name: version } } as const;
  return (await otc.get<{ flavors: Flavor[] }>('rds', `/v3/${otc.projectId}/flavors/PostgreSQL`, more)).flavors;
}

export interface StorageType {
  readonly name: string;
  readonly az_status: Readonly<Record<string, string>>;
}

export async function listStorageTypes(otc: Otc, version: string, mode: 'ha' | 'single'): Promise<StorageType[]> {
  const more = { must: { storage_type: [{ name: 'text', az_status: {} }] }, query: { version_name: version, ha_mode: mode } } as const;
  return (await otc.get<{ storage_type: StorageType[] }>('rds', `/v3/${otc.projectId}/storage-type/PostgreSQL`, more)).storage_type;
}

export async function readQuota(otc: Otc): Promise<{ used: number; quota: number } | undefined> {
  const must = { quotas: { resources: [{ type: 'text', quota: 'number', used: 'number' }] } } as const;
  const answer = await otc.get<{ quotas: { resources: { type: string; quota: number; used: number }[] } }>('rds', `/v3/${otc.projectId}/quotas`, {
    must,
  });
  return answer.quotas.resources.find(({ type }) => type === 'instance');
}

/** Takes the public address away. */
export async function unbindPublicIp(otc: Otc, id: string): Promise<void> {
  await otc.put<void>('rds', `${instances(otc)}/${id}/public-ip`, { is_bind: false });
}
