/** Owns the calls to IAM (Identity and Access Management API reference) that the deployment makes: projects, catalog, agencies. */
import type { Otc } from './client.ts';
import type { CatalogEntry } from './endpoints.ts';

const known = { id: 'text', name: 'text' } as const;

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly domain_id?: string;
}

/** All projects, or those of exactly this name; needs the right to list projects. */
export async function listProjects(otc: Otc, name?: string): Promise<Project[]> {
  const { projects } = await otc.get<{ projects: Project[] }>('iam', '/v3/projects', { must: { projects: [known] }, query: { name } });
  return projects.filter((project) => project.name === (name ?? project.name));
}

/** Projects the caller may work in; every user may ask. */
export async function listVisibleProjects(otc: Otc): Promise<Project[]> {
  return (await otc.get<{ projects: Project[] }>('iam', '/v3/auth/projects', { must: { projects: [known] } })).projects;
}

/** The services of the caller's project. */
export async function readCatalog(otc: Otc): Promise<CatalogEntry[]> {
  const must = { catalog: [{ type: 'text', endpoints: [{ interface: 'text', url: 'text' }] }] } as const;
  return (await otc.get<{ catalog: CatalogEntry[] }>('iam', '/v3/auth/catalog', { must })).catalog;
}

export interface Agency {
  readonly id: string;
  readonly name: string;
  readonly trust_domain_name?: string;
}

/** Agencies of the domain by exact name; needs Security Administrator. */
export async function listAgencies(otc: Otc, domainId: string, name: string, fresh?: boolean): Promise<Agency[]> {
  const query = { domain_id: domainId, name };
  const { agencies } = await otc.send<{ agencies: Agency[] }>({
    service: 'iam',
    method: 'GET',
    path: '/v3.0/OS-AGENCY/agencies',
    must: { agencies: [known] },
    query,
    scope: 'domain',
    fresh,
  });
  return agencies.filter((agency) => agency.name === name);
}

/** Creates an agency without end; 409 where the name exists. */
export async function createAgency(
  otc: Otc,
  agency: { name: string; domain_id: string; trust_domain_name: string; description: string },
): Promise<Agency> {
  const body = { agency: { ...agency, duration: 'FOREVER' } };
  const call = { service: 'iam', method: 'POST', path: '/v3.0/OS-AGENCY/agencies', body, must: { agency: known }, scope: 'domain' } as const;
  return (await otc.send<{ agency: Agency }>(call)).agency;
}

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly display_name?: string;
}

/** System roles by internal name, for example `te_admin` (shown as "Tenant Administrator"). */
export async function listRoles(otc: Otc, name: string): Promise<Role[]> {
  const call = { service: 'iam', method: 'GET', path: '/v3/roles', must: { roles: [known] }, query: { name }, scope: 'domain' } as const;
  return (await otc.send<{ roles: Role[] }>(call)).roles;
}

/** The roles an agency has in a project. */
export async function listAgencyRoles(otc: Otc, projectId: string, agencyId: string): Promise<Role[]> {
  const path = `/v3.0/OS-AGENCY/projects/${projectId}/agencies/${agencyId}/roles`;
  return (await otc.send<{ roles: Role[] }>({ service: 'iam', method: 'GET', path, must: { roles: [known] }, scope: 'domain' })).roles;
}

/** Gives an agency a role in a project; repeating it changes nothing. */
export async function grantAgencyRole(otc: Otc, projectId: string, agencyId: string, roleId: string): Promise<void> {
  const path = `/v3.0/OS-AGENCY/projects/${projectId}/agencies/${agencyId}/roles/${roleId}`;
  await otc.send<void>({ service: 'iam', method: 'PUT', path, scope: 'domain' });
}
