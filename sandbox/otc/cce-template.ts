/** Owns the template of nodes that node pools and loose nodes share (API reference 6.4): its fields, what is refused, its defaults. */
import { nodeImages } from './cce-catalog.ts';
import { invalid } from './cce-order.ts';
import { networkOf, seesKeyPair, zonesOf } from './compute-common.ts';
import { exceeded } from './disk-quotas.ts';
import { any, boolean, integer, list, map, object, required, string, type TypeOf } from './fields.ts';
import { ecsFlavorOf, volumeTypes } from './server-catalog.ts';
import { type Call, Refusal } from './service.ts';
import type { CceClusterRow, CceNodeTemplate, CcePublicIp, CceVolume } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const volume = object({ volumetype: required(string), size: required(integer), extendParam: map(any), metadata: map(any), hw_passthrough: boolean });
export const taints = list(object({ key: required(string), value: string, effect: required(string) }));
export const tags = list(object({ key: required(string), value: string }));
const publicIpShape = object({
  ids: list(string),
  count: integer,
  eip: object({
    iptype: string,
    bandwidth: object({ size: integer, sharetype: string, chargemode: string, id: string }),
  }),
});
export const templateShape = object({
  flavor: required(string),
  az: required(string),
  os: string,
  login: required(object({ sshKey: string, userPassword: object({ username: string, password: string }) })),
  rootVolume: required(volume),
  dataVolumes: list(volume),
  storage: map(any),
  publicIP: publicIpShape,
  nodeNicSpec: object({ primaryNic: object({ subnetId: string, fixedIps: list(string), ipBlock: string }), extNics: list(any) }),
  count: integer,
  billingMode: integer,
  runtime: object({ name: string }),
  k8sTags: map(string),
  taints,
  userTags: tags,
  extendParam: map(any),
  ecsGroupId: string,
  dedicatedHostId: string,
  faultDomain: string,
  offloadNode: boolean,
  nodeNameTemplate: map(any),
});
/** Whether the disks of so many more nodes are left. @throws Refusal */
export function checkDiskQuota(call: Call, { project_id }: CceClusterRow, template: CceNodeTemplate, nodes: number): void {
  const each = [template.rootVolume, ...template.dataVolumes].map(({ volumetype: type, size }) => ({ type, size }));
  const over = exceeded(call, project_id, Array.from({ length: Math.max(0, nodes) }, () => each).flat());
  if (over !== undefined) throw new Refusal(400, 'CCE.01400013', `Insufficient volume quota: ${over}.`);
}

/** A node template that can be built, with defaults. @throws Refusal */
export function checkTemplate(call: Call, row: CceClusterRow, ordered: TypeOf<typeof templateShape>): CceNodeTemplate {
  const { store } = call.world;
  const flavor = ecsFlavorOf(ordered.flavor);
  if (flavor === undefined || flavor.vcpus < 2 || flavor.ram < 4096)
    throw new Refusal(400, 'CCE.01400022', `Node flavor [${ordered.flavor}] is not supported.`);
  if (ordered.az !== 'random' && !zonesOf(row.region).includes(ordered.az)) throw invalid(`Availability zone [${ordered.az}] is invalid.`);
  const os = ordered.os ?? 'HCE OS 2.0';
  if (nodeImages[os] === undefined) throw new Refusal(400, 'CCE.01400018', `Node OS [${os}] is not supported.`);
  const { sshKey } = ordered.login;
  if (sshKey === undefined || sshKey === '') throw invalid('login.sshKey is required.');
  // A key pair is seen by the user who made it only (9.2).
  if (!seesKeyPair(call, sshKey)) throw invalid(`SSH key [${sshKey}] is not found.`);
  checkVolume(ordered.rootVolume, 40, 1024);
  for (const data of ordered.dataVolumes ?? []) checkVolume(data, 100, 32768);
  const runtime = ordered.runtime?.name ?? 'containerd';
  if (!['containerd', 'docker'].includes(runtime)) throw invalid(`Runtime [${runtime}] is invalid.`);
  const subnetId = ordered.nodeNicSpec?.primaryNic?.subnetId ?? '';
  const fixedIps = ordered.nodeNicSpec?.primaryNic?.fixedIps;
  const network = subnetId === '' ? row.spec.hostNetwork.subnet : subnetId;
  if (networkOf(store, row.project_id, network, row.spec.hostNetwork.vpc) === undefined)
    throw new Refusal(400, 'CCE.01400002', `Subnet [${network}] is not found in VPC [${row.spec.hostNetwork.vpc}].`);
  for (const taint of ordered.taints ?? [])
    if (!['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(taint.effect)) throw invalid(`Taint effect [${taint.effect}] is invalid.`);
  checkPublicIp(call, row, ordered.publicIP);
  return {
    ...ordered,
    os,
    login: { sshKey },
    dataVolumes: ordered.dataVolumes ?? [],
    publicIP: ordered.publicIP ?? { eip: { bandwidth: {} } },
    nodeNicSpec: { primaryNic: { subnetId: network, ...(fixedIps === undefined ? {} : { fixedIps }) } },
    count: ordered.count ?? 1,
    billingMode: 0,
    runtime: { name: runtime },
    k8sTags: ordered.k8sTags ?? {},
    taints: (ordered.taints ?? []).map((taint) => ({ ...taint, value: taint.value ?? '' })),
    userTags: (ordered.userTags ?? []).map((tag) => ({ ...tag, value: tag.value ?? '' })),
    extendParam: ordered.extendParam ?? {},
  };
}

/** @throws Refusal */
function checkPublicIp(call: Call, row: CceClusterRow, wanted: CcePublicIp | undefined): void {
  for (const id of wanted?.ids ?? []) {
    const eip = networkTables(call.world.store).publicIps.get(id);
    if (eip === undefined || eip.tenant_id !== row.project_id) throw invalid(`EIP [${id}] is not found.`);
    if (eip.bound_to !== null) throw invalid(`EIP [${id}] is in use.`);
  }
  if ((wanted?.count ?? 0) > 0 && (wanted?.eip?.bandwidth?.size ?? 0) < 1) throw invalid('publicIP.count needs publicIP.eip with a bandwidth.');
}

function checkVolume(ordered: CceVolume, from: number, to: number): void {
  if (!volumeTypes.some((type) => type === ordered.volumetype))
    throw new Refusal(400, 'CCE.01400016', `Volume type [${ordered.volumetype}] is not available.`);
  if (ordered.size < from || ordered.size > to) throw invalid(`Volume size [${ordered.size}] is invalid: ${from} to ${to} GB.`);
}
