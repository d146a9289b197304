/**
 * Owns the larger changes of an RDS instance (API reference 5.5, 5.7): the actions (resize, enlarge, standby, restart), its
 * public address, its tags. Single fields are changed in `rds-change.ts`.
 */
import { soldOut, zonesOf } from './compute-common.ts';
import { boolean, integer, list, object, read, required, string } from './fields.ts';
import { bindPublicIp, publicIpBoundTo, unbindPublicIp } from './public-ip.ts';
import { idle, instanceOf, job, parameter, instancePath as path, update, workflow } from './rds-access.ts';
import { flavorOf } from './rds-catalog.ts';
import { change } from './rds-life.ts';
import { checkSize } from './rds-order.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { RdsInstanceRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const publicShape = object({ public_ip: string, public_ip_id: string, is_bind: required(boolean) });
const actionShape = object({
  resize_flavor: object({ spec_code: required(string) }),
  enlarge_volume: object({ size: required(integer) }),
  single_to_ha: object({ az_code_new_node: required(string), password: string }),
  restart: object({}),
});
const tagsShape = object({ action: required(string), tags: required(list(object({ key: required(string), value: string }))) });

export const actionRoutes: readonly Route[] = [
  { method: 'POST', path: `${path}/action`, body: required(actionShape), handle: action },
  { method: 'PUT', path: `${path}/public-ip`, body: required(publicShape), handle: publicAddress },
  {
    method: 'POST',
    path: `${path}/tags/action`,
    body: required(tagsShape),
    handle(call) {
      const { action: what, tags } = read(tagsShape, call.body);
      const row = instanceOf(call);
      update(call, row, { tags: changedTags(row.tags, what, tags) });
      return { status: 200, body: undefined };
    },
  },
  {
    method: 'GET',
    path: `${path}/tags`,
    handle: (call) => ({ status: 200, body: { tags: instanceOf(call).tags.map((tag) => ({ ...tag, tag_type: 'user' })) } }),
  },
];

/** Tags after `create` or `delete`, within RDS's limits (5.7). @throws Refusal */
function changedTags(
  have: RdsInstanceRow['tags'],
  what: string,
  given: readonly { readonly key: string; readonly value?: string | undefined }[],
): RdsInstanceRow['tags'] {
  if (what !== 'create' && what !== 'delete') throw parameter(`Invalid tag action ${what}.`);
  const rest = have.filter((tag) => !given.some((one) => one.key === tag.key));
  if (what === 'delete') return rest;
  if (new Set(given.map((tag) => tag.key)).size !== given.length) throw parameter('The request contains a tag key twice.');
  for (const { key, value } of given)
    if (!/^[A-Za-z0-9_@-]{1,36}$/.test(key) || !/^[A-Za-z0-9_@-]{0,43}$/.test(value ?? '')) throw parameter(`Invalid tag ${key}=${value ?? ''}.`);
  if (rest.length + given.length > 20) throw new Refusal(400, 'DBS.280001', 'A DB instance can have at most 20 tags.');
  return [...rest, ...given.map(({ key, value }) => ({ key, value: value ?? '' }))];
}

function action(call: Call): Reply {
  const wanted = read(actionShape, call.body);
  if (Object.values(wanted).filter((one) => one !== undefined).length !== 1) throw parameter('Exactly one action is required.');
  const row = idle(call);
  if (wanted.resize_flavor !== undefined) {
    const flavor = flavorOf(wanted.resize_flavor.spec_code);
    if (flavor === undefined || flavor.mode !== flavorOf(row.flavor_ref)?.mode)
      throw new Refusal(400, 'DBS.200053', 'The flavor does not exist or is of another type.');
    if (flavor.spec_code === row.flavor_ref) throw parameter('The DB instance has this flavor already.');
    for (const node of row.nodes)
      if (soldOut(call.world.store, flavor.spec_code, node.availability_zone))
        throw new Refusal(400, 'DBS.280450', `The flavor ${flavor.spec_code} is sold out.`);
    return job(
      change(call.world, row, { status: 'MODIFYING', seconds: 420, job: 'ResizeFlavor', patch: { flavor_ref: flavor.spec_code }, work: 'restart' }),
    );
  }
  if (wanted.enlarge_volume !== undefined) {
    const { size } = wanted.enlarge_volume;
    checkSize(size);
    if (size <= row.volume.size) throw new Refusal(400, 'DBS.200023', 'The new size must be larger than the current one.');
    return job(change(call.world, row, { status: 'MODIFYING', seconds: 120, job: 'EnlargeVolume', patch: { volume: { ...row.volume, size } } }));
  }
  if (wanted.single_to_ha !== undefined) return singleToHa(call, row, wanted.single_to_ha.az_code_new_node);
  return job(change(call.world, row, { status: 'REBOOTING', seconds: 60, job: 'RestartInstance', work: 'restart' }));
}

function singleToHa(call: Call, row: RdsInstanceRow, zone: string): Reply {
  if (row.ha !== undefined) throw new Refusal(400, 'DBS.201014', 'The DB instance is a primary/standby instance already.');
  if (!zonesOf(row.region).includes(zone)) throw parameter(`Invalid availability zone ${zone}.`);
  const master = row.nodes[0];
  const standby = {
    id: `${call.requestId.replaceAll('-', '')}no03`,
    name: `${row.name}_node1`,
    role: 'slave' as const,
    status: 'ACTIVE',
    availability_zone: zone,
  };
  const patch: Partial<RdsInstanceRow> = {
    ha: { mode: 'Ha', replication_mode: 'async' },
    flavor_ref: `${row.flavor_ref}.ha`,
    nodes: master === undefined ? [standby] : [master, standby],
  };
  return job(change(call.world, row, { status: 'MODIFYING INSTANCE TYPE', seconds: 600, job: 'SingleToHa', patch }));
}

function publicAddress(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(publicShape, call.body);
  const row = idle(call);
  const bound = publicIpBoundTo(store, 'RDS', row.id);
  if (!wanted.is_bind) {
    if (bound !== undefined) unbindPublicIp(store, bound.id);
    return workflow(change(call.world, row, { status: 'MODIFYING', seconds: 20, patch: { public_ip_id: undefined } }));
  }
  const address = networkTables(store).publicIps.get(wanted.public_ip_id ?? '');
  if (address === undefined || address.tenant_id !== row.project_id || address.public_ip_address !== wanted.public_ip)
    throw parameter('The EIP does not exist.');
  if (address.bound_to !== null || bound !== undefined) throw new Refusal(409, 'DBS.200018', 'The EIP or the DB instance is bound already.');
  bindPublicIp(store, address.id, { kind: 'RDS', id: row.id });
  return workflow(change(call.world, row, { status: 'MODIFYING', seconds: 20, patch: { public_ip_id: address.id } }));
}
