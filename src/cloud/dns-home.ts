/**
 * Owns the question whether this run can manage the public zone where it must be: in the region's own project, since the
 * DNS01 solver names no project in its calls and so sees no other (solver 0.1.4). Part of the preflight.
 */
import { Fault } from '../engine/fault.ts';
import type { Otc } from '../otc/client.ts';
import { listZones } from '../otc/dns.ts';
import type { CloudContext } from './context.ts';
import { zoneWanted } from './dns-zone.ts';

/** What stands in the way, in whole sentences; asks nothing that the zone itself does not ask. */
export async function dnsHomeProblems(context: CloudContext): Promise<string[]> {
  const { otc, stack } = context;
  if (!zoneWanted(context)) return [];
  const name = `${stack.dns.zone}.`;
  let home: Otc;
  try {
    home = await otc.dnsHome();
    if (home === otc || (await listZones(home, name)).length > 0) return [];
  } catch (error) {
    // Nothing else is asked of that project: whatever is refused there is a matter of rights.
    if (!(error instanceof Fault) || !refuses(error)) throw error;
    return [
      `The public zone ${stack.dns.zone} belongs into project ${stack.dns.project}, and these credentials cannot manage it there: ${error.message}. ${wayOut(otc, stack)}`,
    ];
  }
  // DNS of another region is another service: there is nothing to compare with.
  if (home.region !== otc.region) return [];
  const [stray] = await listZones(otc, name);
  if (stray === undefined) return [];
  return [
    `The public zone ${stack.dns.zone} is in project ${otc.projectName} (${stray.id}), and it must be in ${stack.dns.project}: ${why(stack)} ` +
      `Export its records, delete it there and let this action make it in ${stack.dns.project}. ${wayOut(otc, stack, false)}`,
  ];
}

/** No such project for this user, or no rights in it; a project that is not visible has no status. */
function refuses({ status, message }: Fault): boolean {
  return status === 401 || status === 403 || status === 404 || (status === undefined && message.startsWith('project '));
}

type Settings = CloudContext['stack'];

function why({ certificates }: Settings): string {
  return certificates.issuer === 'existing'
    ? 'dns.project says so.'
    : 'the DNS01 solver, which proves the domain for the certificate, sees no other project.';
}

function wayOut({ projectName }: Otc, stack: Settings, rights = true): string {
  const own = `dns.project: ${projectName}`;
  const grant = rights ? `Give this user's group the role DNS Administrator in project ${stack.dns.project}; or ` : 'Or ';
  return stack.certificates.issuer === 'existing'
    ? `${grant}set ${own}.`
    : `${grant}bring a certificate of your own (certificates.issuer: existing, with its Secret) and set ${own}.`;
}
