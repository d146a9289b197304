/** Owns how servers look in the answers of ECS v1 and Nova (API reference 9.1, 9.2): which numbers are strings where. */
import { addressOf, portsOf } from './allocate.ts';
import { stableHex } from './compute-common.ts';
import { linksOf, minorOf } from './nova-common.ts';
import { publicIpBoundTo } from './public-ip.ts';
import { ecsFlavorOf, extraSpecs, imageOf } from './server-catalog.ts';
import { ecsTables } from './server-make.ts';
import type { Call } from './service.ts';
import type { Store } from './store.ts';
import type { EcsJobRow, ServerRow } from './tables/compute.ts';
import { networkTables, type PortRow } from './tables/network.ts';

/** Power and task states that a status means. */
const states: Readonly<Record<string, { readonly vm: string; readonly power: number; readonly task: string | null }>> = {
  BUILD: { vm: 'building', power: 0, task: 'spawning' },
  ACTIVE: { vm: 'active', power: 1, task: null },
  SHUTOFF: { vm: 'stopped', power: 4, task: null },
  REBOOT: { vm: 'active', power: 1, task: 'rebooting' },
  RESIZE: { vm: 'active', power: 1, task: 'resize_prep' },
  VERIFY_RESIZE: { vm: 'resized', power: 1, task: null },
  ERROR: { vm: 'error', power: 0, task: null },
};

const addressEntries = (store: Store, port: PortRow, withPort: boolean): Record<string, unknown>[] => {
  const publicIp = publicIpBoundTo(store, 'PORT', port.id);
  const entry = (type: 'fixed' | 'floating', addr: string) => ({
    version: withPort ? '4' : 4,
    addr,
    'OS-EXT-IPS:type': type,
    'OS-EXT-IPS-MAC:mac_addr': port.mac_address,
    ...(withPort ? { 'OS-EXT-IPS:port_id': port.id } : {}),
  });
  return [entry('fixed', addressOf(port)), ...(publicIp === undefined ? [] : [entry('floating', publicIp.public_ip_address)])];
};

const groupsOf = (store: Store, ports: readonly PortRow[]): { readonly id: string; readonly name: string }[] => {
  const ids = [...new Set(ports.flatMap((port) => port.security_groups))];
  return ids.map((id) => ({ id, name: networkTables(store).groups.get(id)?.name ?? '' }));
};

/** What both dialects share: states, zone, host. */
const common = (row: ServerRow) => {
  const state = states[row.status] ?? { vm: 'active', power: 1, task: null };
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    tenant_id: row.project_id,
    user_id: row.user_id,
    key_name: row.key_name,
    hostId: stableHex(`host ${row.availability_zone}`),
    created: row.created,
    updated: row.updated,
    progress: row.status === 'BUILD' ? 0 : 100,
    accessIPv4: '',
    accessIPv6: '',
    config_drive: '',
    'OS-DCF:diskConfig': 'MANUAL',
    'OS-EXT-AZ:availability_zone': row.availability_zone,
    'OS-EXT-STS:vm_state': state.vm,
    'OS-EXT-STS:power_state': state.power,
    'OS-EXT-STS:task_state': state.task,
    'OS-SRV-USG:launched_at': row.launched_at,
    'OS-SRV-USG:terminated_at': null,
  };
};

/** ECS v1: the address map's key is the VPC id. */
export function serverView(store: Store, row: ServerRow): Record<string, unknown> {
  const ports = portsOf(store, row.id);
  const flavor = ecsFlavorOf(row.flavor_id);
  const { volumes } = ecsTables(store);
  return {
    ...common(row),
    description: row.description,
    image: { id: row.image_id },
    flavor: {
      id: row.flavor_id,
      name: row.flavor_id,
      vcpus: String(flavor?.vcpus ?? ''),
      ram: String(flavor?.ram ?? ''),
      disk: '0',
      gpus: [],
      asic_accelerators: [],
    },
    metadata: {
      ...row.metadata,
      vpc_id: row.vpc_id,
      'metering.image_id': row.image_id,
      image_name: imageOf(row.image_id)?.name ?? '',
      os_bit: '64',
      os_type: 'Linux',
    },
    addresses: ports.length === 0 ? {} : { [row.vpc_id]: ports.flatMap((port) => addressEntries(store, port, true)) },
    security_groups: groupsOf(store, ports),
    'os-extended-volumes:volumes_attached': row.volume_ids.map((id, index) => {
      const volume = volumes.get(id);
      return {
        id,
        delete_on_termination: String(volume?.delete_on_termination ?? false),
        device: volume?.attachments[0]?.device ?? '',
        bootIndex: index === 0 ? '0' : null,
      };
    }),
    'OS-EXT-SRV-ATTR:host': `pod01.${row.availability_zone}`,
    'OS-EXT-SRV-ATTR:instance_name': `instance-${row.id.slice(0, 8)}`,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': 'nova001@1',
    'OS-EXT-SRV-ATTR:hostname': row.name.replaceAll('_', '-').toLowerCase(),
    'OS-EXT-SRV-ATTR:user_data': row.user_data === '' ? null : row.user_data,
    'os:scheduler_hints': row.scheduler_hints,
    tags: row.tags.map(({ key, value }) => `${key}=${value}`),
    sys_tags: [{ key: '_sys_enterprise_project_id', value: '0' }],
    enterprise_project_id: '0',
    locked: false,
    host_status: 'UP',
  };
}

/** Fields that a microversion brings (API reference of ECS, "Querying Details About an ECS"); from 2.47 on the flavor is told in full, without id. */
function byMicroversion(call: Call, row: ServerRow): Record<string, unknown> {
  const minor = minorOf(call);
  const flavor = ecsFlavorOf(row.flavor_id);
  const told = {
    vcpus: flavor?.vcpus ?? 0,
    ram: flavor?.ram ?? 0,
    disk: 0,
    ephemeral: 0,
    swap: 0,
    original_name: row.flavor_id,
    extra_specs: extraSpecs(row.flavor_id),
  };
  return {
    flavor: minor >= 47 ? told : { id: row.flavor_id, links: linksOf(call, 'flavors', row.flavor_id) },
    ...(minor >= 9 ? { locked: false } : {}),
    ...(minor >= 16 ? { host_status: 'UP' } : {}),
    ...(minor >= 19 ? { description: row.description } : {}),
    ...(minor >= 26 ? { tags: row.tags.map(({ key, value }) => `${key}=${value}`) } : {}),
  };
}

/** Nova: the address map's key is the name of the network, which is the subnet's. */
export function novaView(call: Call, row: ServerRow): Record<string, unknown> {
  const { store } = call.world;
  const { subnets } = networkTables(store);
  const ports = portsOf(store, row.id);
  const networks = [...new Set(ports.map((port) => port.network_id))];
  return {
    ...common(row),
    image: { id: row.image_id, links: linksOf(call, 'images', row.image_id) },
    ...byMicroversion(call, row),
    metadata: row.metadata,
    addresses: Object.fromEntries(
      networks.map((network) => [
        subnets.get(network)?.name ?? network,
        ports.filter((port) => port.network_id === network).flatMap((port) => addressEntries(store, port, false)),
      ]),
    ),
    security_groups: groupsOf(store, ports).map(({ name }) => ({ name })),
    'os-extended-volumes:volumes_attached': row.volume_ids.map((id) => ({
      id,
      delete_on_termination: ecsTables(store).volumes.get(id)?.delete_on_termination ?? false,
    })),
    links: linksOf(call, 'servers', row.id),
  };
}

export const jobView = (job: EcsJobRow): unknown => {
  const state = { status: job.status, begin_time: job.begin_time, end_time: job.end_time, error_code: job.error_code, fail_reason: job.fail_reason };
  return {
    job_id: job.id,
    job_type: job.job_type,
    ...state,
    entities: {
      sub_jobs_total: job.sub_jobs.length,
      sub_jobs: job.sub_jobs.map((sub) => ({ ...state, job_id: sub.job_id, job_type: sub.job_type, entities: { server_id: sub.server_id } })),
    },
  };
};
