/**
 * Owns what listeners are guarded with (API reference of ELB v3): certificates, security policies, IP address groups. None can be
 * taken away while a listener uses it.
 */
import { X509Certificate } from 'node:crypto';
import { addressNumber, range } from './cidr.ts';
import { projectOf } from './compute-common.ts';
import { elbReply, elbTables, invalid, listOf, ownRow, paging } from './elb-tables.ts';
import { boolean, list, object, read, required, string } from './fields.ts';
import { uuid, zuluTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { CertificateRow, IpGroupRow, ListenerRow, SecurityPolicyRow } from './tables/compute.ts';

const base = '/v3/{project_id}/elb';
const certificateFields = {
  name: string,
  description: string,
  domain: string,
  certificate: string,
  private_key: string,
  admin_state_up: boolean,
} as const;
const certificateShape = object({
  certificate: required(
    object({ ...certificateFields, certificate: required(string), type: string, project_id: string, enterprise_project_id: string, source: string }),
  ),
});
const certificateUpdate = object({ certificate: required(object(certificateFields)) });
const policyFields = { name: string, description: string, protocols: list(string), ciphers: list(string), enterprise_project_id: string } as const;
const policyShape = object({ security_policy: required(object(policyFields)) });
const addresses = list(object({ ip: required(string), description: string }));
const groupFields = { name: string, description: string, ip_list: addresses, project_id: string, enterprise_project_id: string } as const;
const groupShape = object({ ipgroup: required(object(groupFields)) });

const certificateOf = (call: Call): CertificateRow => {
  const id = call.params['certificate_id'] ?? '';
  return ownRow(call, 'certificate', elbTables(call.world.store).certificates.get(id), id);
};
const policyOf = (call: Call): SecurityPolicyRow => {
  const id = call.params['security_policy_id'] ?? '';
  return ownRow(call, 'security_policy', elbTables(call.world.store).securityPolicies.get(id), id);
};
const groupOf = (call: Call): IpGroupRow => {
  const id = call.params['ipgroup_id'] ?? '';
  return ownRow(call, 'ipgroup', elbTables(call.world.store).ipGroups.get(id), id);
};

/** The ids of what a listener is guarded with. */
const guardsOf = ({ extra = {} }: ListenerRow): unknown[] => [
  extra['default_tls_container_ref'],
  extra['client_ca_tls_container_ref'],
  ...((extra['sni_container_refs'] ?? []) as string[]),
  extra['security_policy_id'],
  (extra['ipgroup'] as { ipgroup_id?: string } | undefined)?.ipgroup_id,
];
const listenersWith = (call: Call, id: string): { readonly id: string }[] =>
  elbTables(call.world.store)
    .listeners.where((row) => guardsOf(row).includes(id))
    .map((row) => ({ id: row.id }));

/** @throws Refusal */
function unused(call: Call, kind: string, id: string): void {
  const [user] = listenersWith(call, id);
  if (user !== undefined) throw new Refusal(409, 'ELB.8907', `${kind} ${id} is in use by listener ${user.id}.`);
}

/** The certificate in a PEM text. @throws Refusal */
function parsed(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalid(`certificate is invalid: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

const expiry = (pem: string): string => zuluTime(new Date(parsed(pem).validTo));

const certificateView = ({ ...row }: CertificateRow): Record<string, unknown> => ({
  ...row,
  admin_state_up: true,
  domain: row.domain === '' ? null : row.domain,
});
const policyView = (call: Call, row: SecurityPolicyRow): Record<string, unknown> => ({ ...row, listeners: listenersWith(call, row.id) });
const groupView = (call: Call, row: IpGroupRow): Record<string, unknown> => ({ ...row, listeners: listenersWith(call, row.id) });

function createCertificate(call: Call): Reply {
  const { type = 'server', ...wanted } = read(certificateShape, call.body).certificate;
  if (type !== 'server' && type !== 'client') throw invalid(`Invalid certificate type ${type}.`);
  if (type === 'server' && !/PRIVATE KEY-----/.test(wanted.private_key ?? '')) throw invalid('private_key is required for server certificates.');
  const now = zuluTime();
  const row = elbTables(call.world.store).certificates.insert({
    id: uuid().replaceAll('-', ''),
    project_id: projectOf(call),
    name: wanted.name ?? '',
    description: wanted.description ?? '',
    type,
    domain: wanted.domain ?? '',
    certificate: wanted.certificate,
    private_key: type === 'server' ? (wanted.private_key ?? '') : null,
    expire_time: expiry(wanted.certificate),
    created_at: now,
    updated_at: now,
  });
  return elbReply(call, 201, 'certificate', certificateView(row));
}

function updateCertificate(call: Call): Reply {
  const { name, description, domain, certificate, private_key } = read(certificateUpdate, call.body).certificate;
  const row = certificateOf(call);
  const after = elbTables(call.world.store).certificates.update(row.id, {
    name: name ?? row.name,
    description: description ?? row.description,
    domain: domain ?? row.domain,
    certificate: certificate ?? row.certificate,
    private_key: row.type === 'server' ? (private_key ?? row.private_key) : null,
    expire_time: certificate === undefined ? row.expire_time : expiry(certificate),
    updated_at: zuluTime(),
  });
  return elbReply(call, 200, 'certificate', certificateView(after ?? row));
}

const tlsVersions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** @throws Refusal */
function checkPolicy(protocols: readonly string[] | undefined, ciphers: readonly string[] | undefined): void {
  if (protocols !== undefined && (protocols.length === 0 || protocols.some((one) => !tlsVersions.includes(one)))) throw invalid('Invalid protocols.');
  if (ciphers?.length === 0) throw invalid('Invalid ciphers.');
}

function createPolicy(call: Call): Reply {
  const { name = '', description = '', protocols = [], ciphers = [] } = read(policyShape, call.body).security_policy;
  checkPolicy(protocols, ciphers);
  const now = zuluTime();
  const row = { id: uuid(), project_id: projectOf(call), name, description, protocols, ciphers, created_at: now, updated_at: now };
  return elbReply(call, 201, 'security_policy', policyView(call, elbTables(call.world.store).securityPolicies.insert(row)));
}

function updatePolicy(call: Call): Reply {
  const row = policyOf(call);
  const wanted = read(policyShape, call.body).security_policy;
  checkPolicy(wanted.protocols, wanted.ciphers);
  const { name = row.name, description = row.description, protocols = row.protocols, ciphers = row.ciphers } = wanted;
  const after = elbTables(call.world.store).securityPolicies.update(row.id, { name, description, protocols, ciphers, updated_at: zuluTime() });
  return elbReply(call, 200, 'security_policy', policyView(call, after ?? row));
}

type Addresses = readonly { readonly ip: string; readonly description?: string | undefined }[];

/** @throws Refusal */
function checkedAddresses(given: Addresses): IpGroupRow['ip_list'] {
  for (const { ip } of given)
    if (!ip.includes(':') && addressNumber(ip) === undefined && range(ip) === undefined && !/^[\d.]+-[\d.]+$/.test(ip))
      throw invalid(`Invalid ip ${ip}.`);
  return given.map(({ ip, description = '' }) => ({ ip, description }));
}

function createGroup(call: Call): Reply {
  const { name = '', description = '', ip_list = [] } = read(groupShape, call.body).ipgroup;
  const now = zuluTime();
  const row = { id: uuid(), project_id: projectOf(call), name, description, ip_list: checkedAddresses(ip_list), created_at: now, updated_at: now };
  return elbReply(call, 201, 'ipgroup', groupView(call, elbTables(call.world.store).ipGroups.insert(row)));
}

/** @param merge how the given addresses change those that are there */
const changeGroup =
  (merge: (before: IpGroupRow['ip_list'], given: IpGroupRow['ip_list']) => IpGroupRow['ip_list']) =>
  (call: Call): Reply => {
    const row = groupOf(call);
    const { name = row.name, description = row.description, ip_list } = read(groupShape, call.body).ipgroup;
    const addressesNow = ip_list === undefined ? row.ip_list : merge(row.ip_list, checkedAddresses(ip_list));
    const after = elbTables(call.world.store).ipGroups.update(row.id, { name, description, ip_list: addressesNow, updated_at: zuluTime() });
    return elbReply(call, 200, 'ipgroup', groupView(call, after ?? row));
  };
const without = (before: IpGroupRow['ip_list'], given: IpGroupRow['ip_list']) => before.filter(({ ip }) => !given.some((one) => one.ip === ip));

const systemPolicies: Readonly<Record<string, string>> = {
  'tls-1-0': 'TLSv1.2 TLSv1.1 TLSv1',
  'tls-1-0-inherit': 'TLSv1.2 TLSv1.1 TLSv1',
  'tls-1-1': 'TLSv1.2 TLSv1.1',
  'tls-1-2': 'TLSv1.2',
  'tls-1-2-strict': 'TLSv1.2',
  'tls-1-2-fs': 'TLSv1.2',
  'tls-1-0-with-1-3': 'TLSv1.3 TLSv1.2 TLSv1.1 TLSv1',
  'tls-1-2-fs-with-1-3': 'TLSv1.3 TLSv1.2',
  'hybrid-policy-1-0': 'TLSv1.2 TLSv1.1',
};
const systemCiphers = 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256';

export const guardRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/certificates`, body: required(certificateShape), handle: createCertificate },
  {
    method: 'GET',
    path: `${base}/certificates`,
    query: [...paging, 'id', 'name', 'description', 'domain', 'type', 'admin_state_up'],
    handle(call) {
      const rows = elbTables(call.world.store).certificates.where((row) => row.project_id === projectOf(call));
      return listOf(call, 'certificates', rows, certificateView);
    },
  },
  {
    method: 'GET',
    path: `${base}/certificates/{certificate_id}`,
    handle: (call) => elbReply(call, 200, 'certificate', certificateView(certificateOf(call))),
  },
  { method: 'PUT', path: `${base}/certificates/{certificate_id}`, body: required(certificateUpdate), handle: updateCertificate },
  {
    method: 'DELETE',
    path: `${base}/certificates/{certificate_id}`,
    handle(call) {
      const { id } = certificateOf(call);
      unused(call, 'certificate', id);
      elbTables(call.world.store).certificates.remove(id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: `${base}/security-policies`, body: required(policyShape), handle: createPolicy },
  {
    method: 'GET',
    path: `${base}/security-policies`,
    query: [...paging, 'id', 'name', 'description', 'protocols', 'ciphers'],
    handle(call) {
      const rows = elbTables(call.world.store).securityPolicies.where((row) => row.project_id === projectOf(call));
      return listOf(call, 'security_policies', rows, (row) => policyView(call, row));
    },
  },
  {
    method: 'GET',
    path: `${base}/system-security-policies`,
    handle: (call) =>
      elbReply(
        call,
        200,
        'system_security_policies',
        Object.entries(systemPolicies).map(([name, protocols]) => ({ name, protocols, ciphers: systemCiphers, project_id: projectOf(call) })),
      ),
  },
  {
    method: 'GET',
    path: `${base}/security-policies/{security_policy_id}`,
    handle: (call) => elbReply(call, 200, 'security_policy', policyView(call, policyOf(call))),
  },
  { method: 'PUT', path: `${base}/security-policies/{security_policy_id}`, body: required(policyShape), handle: updatePolicy },
  {
    method: 'DELETE',
    path: `${base}/security-policies/{security_policy_id}`,
    handle(call) {
      const { id } = policyOf(call);
      unused(call, 'security_policy', id);
      elbTables(call.world.store).securityPolicies.remove(id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: `${base}/ipgroups`, body: required(groupShape), handle: createGroup },
  {
    method: 'GET',
    path: `${base}/ipgroups`,
    query: [...paging, 'id', 'name', 'description', 'ip_list'],
    handle(call) {
      const rows = elbTables(call.world.store).ipGroups.where((row) => row.project_id === projectOf(call));
      return listOf(call, 'ipgroups', rows, (row) => groupView(call, row));
    },
  },
  { method: 'GET', path: `${base}/ipgroups/{ipgroup_id}`, handle: (call) => elbReply(call, 200, 'ipgroup', groupView(call, groupOf(call))) },
  { method: 'PUT', path: `${base}/ipgroups/{ipgroup_id}`, body: required(groupShape), handle: changeGroup((_before, given) => given) },
  {
    method: 'POST',
    path: `${base}/ipgroups/{ipgroup_id}/iplist/create-or-update`,
    body: required(groupShape),
    handle: changeGroup((before, given) => [...without(before, given), ...given]),
  },
  { method: 'POST', path: `${base}/ipgroups/{ipgroup_id}/iplist/batch-delete`, body: required(groupShape), handle: changeGroup(without) },
  {
    method: 'DELETE',
    path: `${base}/ipgroups/{ipgroup_id}`,
    handle(call) {
      const { id } = groupOf(call);
      unused(call, 'ipgroup', id);
      elbTables(call.world.store).ipGroups.remove(id);
      return { status: 204 };
    },
  },
];
