/**
 * Owns the agency `cce_admin_trust`, by which a tenant lets CCE act in its project. Once a tenant; made only with consent,
 * since it gives rights away. Where a cluster stands it was there, and its role with it: only whether it still is, is asked.
 */
import { Fault } from '../engine/fault.ts';
import { type Resource, resource } from '../engine/resource.ts';
import { listClusters } from '../otc/cce.ts';
import type { Otc } from '../otc/client.ts';
import { isTrouble, ServiceFault } from '../otc/errors.ts';
import { createAgency, grantAgencyRole, listAgencies, listAgencyRoles, listProjects, listRoles, type Project } from '../otc/iam.ts';
import { type CloudContext, createOnce } from './context.ts';
import type { Gate } from './gate.ts';

const NAME = 'cce_admin_trust';
const TRUSTED = 'op_svc_cce';
/** Internal name of the role shown as "Tenant Administrator". */
const ROLE = 'te_admin';
const LATER = `if ${NAME} is missing, CCE will say so when the cluster is made`;

export interface AgencySeen {
  /** Empty where the agency was not asked for. */
  readonly id: string;
  readonly how: 'found' | 'made' | 'a cluster proves it' | 'may not be asked' | 'not answered';
  /** Projects in which it lacks its role; only looked into where it may be given. */
  readonly lacking: readonly Project[];
}

type Needs = { readonly preflight: Gate };
export type AgencyResource = Resource<Needs, null, AgencySeen>;

export function agency(context: CloudContext, needs: Needs): AgencyResource {
  const { otc, stack, names } = context;
  const { domainId } = otc;
  return resource<Needs, null, AgencySeen>({
    id: 'project/agency',
    title: `Agency ${NAME}`,
    needs,
    wanted: stack.cluster.existing === undefined,
    // It belongs to the tenant, not to the stack: others may rely on it.
    readsOnly: !stack.consent.agency,
    consented: stack.consent.agency,
    gate: true,
    protect: 'data',
    usualSeconds: 3,
    want: () => null,
    madeWith: () => ({ role: 'Tenant Administrator' }),
    prefetch: async () => (stack.cluster.existing === undefined && domainId !== undefined ? listAgencies(otc, domainId, NAME) : []),
    observe: async (_needs, run) => {
      if (stack.cluster.existing !== undefined) return undefined;
      const stands = (await listClusters(otc)).some(({ metadata }) => metadata.name === names('cce'));
      const untold = (how: AgencySeen['how']): AgencySeen => ({ id: '', how: stands ? 'a cluster proves it' : how, lacking: [] });
      if (domainId === undefined) return untold('may not be asked');
      try {
        const [found] = await listAgencies(otc, domainId, NAME);
        const grants = stack.consent.agency && !stands;
        if (found !== undefined) return { id: found.id, how: 'found', lacking: grants ? await lackingOf(otc, found.id, stack.region) : [] };
      } catch (error) {
        if (!(error instanceof ServiceFault)) throw error;
        const trouble = isTrouble(error);
        if (!trouble && error.status !== 403 && error.status !== 401) throw error;
        const why = trouble ? `IAM does not tell its agencies (${error.message})` : 'this user may not list agencies';
        run.say(`${why}; ${stands ? 'it was there when the cluster was made' : LATER}`);
        return untold(trouble ? 'not answered' : 'may not be asked');
      }
      if (stack.consent.agency) return undefined;
      throw missing(otc.projectName, stack.region, stands);
    },
    diff: (_spec, { lacking }) => lacking.map(({ name }) => ({ field: `role in project ${name}`, after: 'Tenant Administrator' })),
    apply: async (_spec, _seen, _changes, run) => {
      if (domainId === undefined) throw new Fault('the tenant of this project is unknown, so no agency can be made');
      const text = 'Lets CCE manage resources in this tenant; made by zitadel-on-otc with consent';
      const create = (): Promise<{ id: string }> =>
        createAgency(otc, { name: NAME, domain_id: domainId, trust_domain_name: TRUSTED, description: text });
      const look = async (): Promise<{ id: string } | undefined> => (await listAgencies(otc, domainId, NAME, true))[0];
      const found = (await look()) ?? (await createOnce({ what: `agency ${NAME}`, create, look }, run));
      const [role] = (await listRoles(otc, ROLE)).filter(({ name }) => name === ROLE);
      if (role === undefined)
        throw new Fault(`IAM does not know the role ${ROLE} (Tenant Administrator)`, { hint: 'Make the agency in the CCE console instead.' });
      for (const { id } of await lackingOf(otc, found.id, stack.region)) await grantAgencyRole(otc, id, found.id, role.id);
      return { id: found.id, how: 'made', lacking: [] };
    },
    destroy: async (_seen, run) => run.say('the agency belongs to the tenant and stays'),
    notice: ({ how }) => (how === 'may not be asked' || how === 'not answered' ? `not checked (${how}): ${LATER}` : undefined),
    facts: ({ how }) => ({ how }),
  });
}

/** The stack's project, and the region's, through which images of CCE's own add-ons are pulled, as far as the role is missing there. */
async function lackingOf(otc: Otc, agencyId: string, region: string): Promise<Project[]> {
  const [regional] = otc.projectName === region ? [] : await listProjects(otc, region);
  const projects = [{ id: otc.projectId, name: otc.projectName }, ...(regional === undefined ? [] : [regional])];
  const held = await Promise.all(projects.map(({ id }) => listAgencyRoles(otc, id, agencyId)));
  return projects.filter((_project, index) => !held[index]?.some(({ name }) => name === ROLE));
}

/** Where a cluster stands somebody took it away, which is drift; a first deploy cannot do without. */
function missing(project: string, region: string, stands: boolean): Fault {
  const also = project === region ? '' : ` and ${region}`;
  const effect = stands
    ? 'CCE may not act in this tenant any more, and makes no node, volume or load balancer listener'
    : 'CCE may not act in this tenant yet, and would refuse to make a cluster';
  return new Fault(`the agency ${NAME} is missing: ${effect}`, {
    resource: NAME,
    ...(stands ? { finding: 'agency' } : {}),
    hint:
      'Either open the CCE console once in this region and confirm the authorisation; or set "consent: { agency: true }" in the stack file; or make it in IAM: ' +
      `agency ${NAME}, type "account", trusted account ${TRUSTED}, validity unlimited, role "Tenant Administrator" on project ${project}${also}.`,
  });
}
