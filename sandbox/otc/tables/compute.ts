/**
 * Owns the row types of compute and managed services: RDS, CCE, ELB, ECS, key pairs, volumes. Network rows are in
 * `network.ts`. Fields carry the API's own spelling; what a service needs besides stands below them.
 */
import type { Row } from '../store.ts';
import type { Tag } from './tag.ts';

export type * from './compute-cce.ts';
export type * from './compute-elb.ts';
export type * from './tag.ts';

/** `rds.instances`. A row exists from the accepted create call until the instance has left the list. */
export interface RdsInstanceRow extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly status: string;
  readonly region: string;
  readonly datastore: { readonly type: string; readonly version: string; readonly complete_version: string };
  /** Absent for a single instance. */
  readonly ha: { readonly mode: 'Ha'; readonly replication_mode: string } | undefined;
  readonly flavor_ref: string;
  readonly volume: { readonly type: string; readonly size: number };
  readonly vpc_id: string;
  /** Network id of the subnet. */
  readonly subnet_id: string;
  readonly security_group_id: string;
  readonly port: number;
  readonly backup_strategy: { readonly start_time: string; readonly keep_days: number };
  readonly backup_period: string;
  readonly maintenance_window: string;
  readonly time_zone: string;
  readonly switch_strategy: string;
  readonly disk_encryption_id: string;
  readonly configuration_id: string;
  readonly created: string;
  readonly updated: string;
  readonly nodes: readonly RdsNode[];
  readonly tags: readonly Tag[];
  readonly private_dns_names: readonly string[];
  readonly disk_auto_expansion: { readonly switch_option: boolean; readonly limit_size: number; readonly trigger_threshold: number };
  readonly parameters: Readonly<Record<string, string>>;
  /** The floating private address, as it is guarded by `vip_port_id`'s groups. */
  readonly private_ip: string;
  /** The job of a change that is under way, whatever the status says. */
  readonly job_id?: string | undefined;
  readonly vip_port_id: string;
  readonly port_ids: readonly string[];
  readonly public_ip_id: string | undefined;
}

export interface RdsNode {
  readonly id: string;
  readonly name: string;
  readonly role: 'master' | 'slave';
  readonly status: string;
  readonly availability_zone: string;
}

/** `rds.jobs` */
export interface RdsJobRow extends Row {
  readonly name: string;
  readonly status: 'Running' | 'Completed' | 'Failed';
  readonly created: string;
  readonly ended: string;
  readonly instance_id: string;
  readonly instance_name: string;
  readonly fail_reason: string;
}

/** `rds.backups` */
export interface RdsBackupRow extends Row {
  readonly instance_id: string;
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly type: 'auto' | 'manual';
  readonly status: 'BUILDING' | 'COMPLETED' | 'FAILED' | 'DELETING';
  readonly begin_time: string;
  readonly end_time: string;
  readonly datastore: { readonly type: string; readonly version: string };
  readonly volume_size: number;
}

/** `rds.recycle`: deleted instances that can still be rebuilt. */
export interface RdsRecycledRow extends Row {
  readonly project_id: string;
  readonly name: string;
  readonly ha_mode: string;
  readonly engine_version: string;
  readonly created_at: string;
  readonly deleted_at: string;
  readonly volume: { readonly type: string; readonly size: number };
  readonly data_vip: string;
  readonly retained_until: string;
  readonly recycle_backup_id: string;
}

/** `rds.configurations`: parameter templates made by users; the service's own are in `rds-catalog.ts`. */
export interface RdsConfigurationRow extends Row {
  readonly project_id: string;
  readonly name: string;
  readonly description: string;
  readonly datastore_name: string;
  readonly datastore_version_name: string;
  readonly values: Readonly<Record<string, string>>;
  readonly created: string;
  readonly updated: string;
}

/** `ecs.servers`: bastions and the servers below CCE nodes. */
export interface ServerRow extends Row {
  readonly name: string;
  readonly description: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly status: string;
  readonly flavor_id: string;
  readonly image_id: string;
  readonly key_name: string | null;
  readonly vpc_id: string;
  readonly availability_zone: string;
  readonly port_ids: readonly string[];
  readonly volume_ids: readonly string[];
  readonly created: string;
  readonly updated: string;
  readonly launched_at: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  readonly auto_recovery: boolean;
  /** Base64, as given; read by whoever plays the machine. */
  readonly user_data: string;
  readonly scheduler_hints: Readonly<Record<string, unknown>>;
  /** True until the machine exists: an order's id is known before that (9.1). */
  readonly hidden?: boolean;
  /** Set for servers that CCE made. */
  readonly cluster_id?: string;
  /** Flavor before a resize that nobody has confirmed yet. */
  readonly resized_from?: string | undefined;
}

/** `nova.server-groups` */
export interface ServerGroupRow extends Row {
  readonly name: string;
  readonly policies: readonly string[];
  readonly project_id: string;
  readonly user_id: string;
}

/** `ecs.jobs` */
export interface EcsJobRow extends Row {
  readonly job_type: string;
  readonly status: 'INIT' | 'RUNNING' | 'SUCCESS' | 'FAIL';
  readonly begin_time: string;
  readonly end_time: string | null;
  readonly error_code: string | null;
  readonly fail_reason: string | null;
  readonly sub_jobs: readonly { readonly job_id: string; readonly job_type: string; readonly server_id: string }[];
}

/** `nova.keypairs`; id is `<user id>/<name>`, since a key pair belongs to the user who made it. */
export interface KeyPairRow extends Row {
  readonly name: string;
  readonly user_id: string;
  readonly project_id: string;
  readonly public_key: string;
  readonly fingerprint: string;
  readonly created_at: string;
}

/** `evs.volumes` */
export interface VolumeRow extends Row {
  readonly name: string;
  readonly description: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly status: string;
  readonly size: number;
  readonly volume_type: string;
  readonly bootable: boolean;
  readonly encrypted: boolean;
  readonly availability_zone: string;
  readonly created_at: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly image_id: string | undefined;
  readonly attachments: readonly { readonly server_id: string; readonly device: string; readonly attachment_id: string }[];
  readonly delete_on_termination: boolean;
  readonly multiattach?: boolean;
  readonly tags: readonly Tag[];
}

/** `evs.jobs` */
export interface EvsJobRow extends Row {
  readonly project_id: string;
  readonly job_type: string;
  readonly status: 'RUNNING' | 'SUCCESS';
  readonly begin_time: string;
  readonly end_time: string;
  readonly sub_jobs: readonly { readonly job_id: string; readonly job_type: string; readonly volume_id: string }[];
}
