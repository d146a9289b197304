/** Owns how RDS rows look in answers (API reference 5.2 to 5.5): strings, integers and empty fields exactly as there. */
import { publicIpBoundTo } from './public-ip.ts';
import { flavorOf } from './rds-catalog.ts';
import type { Store } from './store.ts';
import type { RdsBackupRow, RdsInstanceRow, RdsJobRow } from './tables/compute.ts';

/** In the answer to an order: `port` a string. */
export const orderView = (row: RdsInstanceRow): unknown => ({
  id: row.id,
  name: row.name,
  status: row.status,
  datastore: { type: row.datastore.type, version: row.datastore.version },
  ...(row.ha === undefined ? {} : { ha: row.ha }),
  flavor_ref: row.flavor_ref,
  volume: row.volume,
  region: row.region,
  availability_zone: row.nodes.map((node) => node.availability_zone).join(','),
  vpc_id: row.vpc_id,
  subnet_id: row.subnet_id,
  security_group_id: row.security_group_id,
  port: String(row.port),
  backup_strategy: row.backup_strategy,
  disk_encryption_id: row.disk_encryption_id,
  charge_info: { charge_mode: 'postPaid' },
});

export const typeOf = (row: RdsInstanceRow): 'Ha' | 'Single' => (row.ha === undefined ? 'Single' : 'Ha');

/** In the list: `port` an integer; addresses empty while building. */
export function instanceView(store: Store, row: RdsInstanceRow): unknown {
  const flavor = flavorOf(row.flavor_ref);
  const publicIp = publicIpBoundTo(store, 'RDS', row.id);
  const built = row.created !== '';
  return {
    id: row.id,
    name: row.name,
    alias: '',
    status: row.status,
    private_ips: built ? [row.private_ip] : [],
    public_ips: publicIp === undefined ? [] : [publicIp.public_ip_address],
    private_dns_names: row.private_dns_names,
    public_dns_names: [],
    port: row.port,
    enable_ssl: true,
    type: typeOf(row),
    ha: { replication_mode: row.ha?.replication_mode ?? '' },
    region: row.region,
    datastore: row.datastore,
    created: row.created,
    updated: row.updated,
    db_user_name: 'root',
    vpc_id: row.vpc_id,
    subnet_id: row.subnet_id,
    security_group_id: row.security_group_id,
    cpu: String(flavor?.vcpus ?? ''),
    mem: String(flavor?.ram ?? ''),
    flavor_ref: row.flavor_ref,
    volume: row.volume,
    switch_strategy: row.switch_strategy,
    read_only_by_user: false,
    backup_strategy: row.backup_strategy,
    maintenance_window: row.maintenance_window,
    nodes: row.nodes,
    related_instance: [],
    disk_encryption_id: row.disk_encryption_id,
    enterprise_project_id: '0',
    time_zone: row.time_zone,
    charge_info: { charge_mode: 'postPaid' },
    tags: row.tags,
    storage_used_space: built ? 1.2 : 0,
    backup_used_space: 0,
    associated_with_ddm: false,
  };
}

export const jobView = (row: RdsJobRow): unknown => ({
  job: {
    id: row.id,
    name: row.name,
    status: row.status,
    created: row.created,
    ended: row.ended,
    process: row.status === 'Completed' ? '100%' : '',
    instance: { id: row.instance_id, name: row.instance_name },
    entities: {},
    fail_reason: row.fail_reason,
  },
});

export const backupView = (row: RdsBackupRow): unknown => ({
  id: row.id,
  instance_id: row.instance_id,
  name: row.name,
  description: row.description,
  type: row.type,
  status: row.status,
  begin_time: row.begin_time,
  end_time: row.end_time,
  size: row.status === 'COMPLETED' ? 15_360 : 0,
  datastore: row.datastore,
  databases: [],
  associated_with_ddm: false,
});
