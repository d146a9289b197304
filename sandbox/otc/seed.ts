/**
 * Owns what a fresh tenant holds: domain, projects, users with keys, groups and roles, the security group `default` of each
 * project. Services own everything that is made later.
 */
import { randomBytes } from 'node:crypto';
import { regions } from './hosts.ts';
import { hex32, plainTime, uuid } from './ids.ts';
import type { Store } from './store.ts';
import { iamTables } from './tables/iam.ts';
import { networkTables } from './tables/network.ts';

export interface SeededUser {
  readonly id: string;
  readonly name: string;
  readonly password: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Tenant {
  readonly domainId: string;
  readonly domainName: string;
  /** Projects that deployments use, one a region: {@link projectIn}. */
  readonly projects: readonly { readonly id: string; readonly name: string; readonly region: string }[];
  /** May do everything. */
  readonly admin: SeededUser;
  /** May read everything and write nothing. */
  readonly reader: SeededUser;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const pick = (length: number, from: string): string => [...randomBytes(length)].map((byte) => from[byte % from.length] ?? '').join('');

/** The tenant's project for deployments in a region. */
export const projectIn = (region: string): string => `${region}_zitadel`;

/** Fills an empty store with one tenant. Credentials are new in each world. */
export function seed(store: Store): Tenant {
  const { domains, projects, users, credentials, groups, roles, assignments } = iamTables(store);
  const domain = domains.insert({ id: hex32(), name: 'OTC00000000001000000001' });
  domains.insert({ id: hex32(), name: 'op_svc_cce' });
  const role = (name: string, display: string, type: 'AX' | 'XA' | 'AA') =>
    roles.insert({ id: hex32(), name, display_name: display, description: display, type });
  const administrator = role('te_admin', 'Tenant Administrator', 'AA');
  const guest = role('readonly', 'Tenant Guest', 'AA');
  const security = role('secu_admin', 'Security Administrator', 'AX');
  role('cce_adm', 'CCE Administrator', 'XA');
  const made = regions.map((region) => {
    const top = projects.insert({
      id: hex32(),
      name: region.id,
      region: region.id,
      domain_id: domain.id,
      parent_id: domain.id,
      description: '',
      enabled: true,
    });
    return projects.insert({ ...top, id: hex32(), name: projectIn(region.id), parent_id: top.id });
  });
  for (const project of projects.all()) defaultGroup(store, project.id);
  const group = (name: string, held: readonly { readonly id: string }[]) => {
    const row = groups.insert({ id: hex32(), name, description: '', domain_id: domain.id, create_time: Date.now() });
    for (const { id } of held) {
      assignments.insert({ id: uuid(), to: row.id, role_id: id, on: { domain: domain.id } });
      assignments.insert({ id: uuid(), to: row.id, role_id: id, on: { inherited: domain.id } });
    }
    return row;
  };
  const admins = group('admin', [administrator, security]);
  const readers = group('readers', [guest]);
  const user = (name: string, groupId: string): SeededUser => {
    const row = users.insert({
      id: hex32(),
      name,
      password: `Aa1!${randomBytes(12).toString('base64url')}`,
      domain_id: domain.id,
      enabled: true,
      groups: [groupId],
      programmatic: true,
    });
    const key = credentials.insert({
      id: pick(20, letters),
      secret: pick(40, `${letters}abcdefghijklmnopqrstuvwxyz`),
      user_id: row.id,
      status: 'active',
      description: '',
      create_time: plainTime(),
    });
    return { id: row.id, name, password: row.password, accessKey: key.id, secretKey: key.secret };
  };
  return {
    domainId: domain.id,
    domainName: domain.name,
    projects: made.map(({ id, name, region }) => ({ id, name, region })),
    admin: user('ci-user', admins.id),
    reader: user('ci-reader', readers.id),
  };
}

/** The agency by which CCE acts in all projects of the tenant, as the first visit to CCE in the console makes it (API reference 1.6). */
export function trustCce(store: Store, { domainId }: Tenant): void {
  const { agencies, assignments, domains, roles } = iamTables(store);
  const trusted = domains.find(({ name }) => name === 'op_svc_cce');
  const role = roles.find(({ name }) => name === 'te_admin');
  if (trusted === undefined || role === undefined) throw new Error('the tenant is not seeded');
  const agency = agencies.insert({
    id: hex32(),
    name: 'cce_admin_trust',
    description: '',
    domain_id: domainId,
    trust_domain_name: trusted.name,
    trust_domain_id: trusted.id,
    duration: 'FOREVER',
    create_time: plainTime(),
    expire_time: null,
    given: 'untouched',
  });
  assignments.insert({ id: uuid(), to: agency.id, role_id: role.id, on: { inherited: domainId } });
}

/** The group every project has from the start: members may talk to each other and to everybody outside. */
export function defaultGroup(store: Store, projectId: string): void {
  const { groups, rules } = networkTables(store);
  const now = plainTime();
  const group = groups.insert({
    id: uuid(),
    name: 'default',
    description: 'Default security group',
    tenant_id: projectId,
    enterprise_project_id: '0',
    created_at: now,
    updated_at: now,
  });
  for (const direction of ['egress', 'ingress'] as const)
    for (const ethertype of ['IPv4', 'IPv6'] as const)
      rules.insert({
        id: uuid(),
        security_group_id: group.id,
        direction,
        ethertype,
        protocol: null,
        port_range_min: null,
        port_range_max: null,
        remote_ip_prefix: null,
        remote_group_id: direction === 'ingress' ? group.id : null,
        remote_address_group_id: null,
        description: null,
        action: 'allow',
        priority: 1,
        tenant_id: projectId,
        created_at: now,
        updated_at: now,
      });
}
