/** Owns the words for a failed sign-in: which of key, password, domain, region, project or clock is wrong, and what to do. */
import { Cancelled, Fault } from '../engine/fault.ts';
import { hintForConnection, ServiceFault } from './errors.ts';
import type { Credentials, Target } from './target.ts';
import { TransportFailure } from './transport.ts';
import { skewText, type Wire } from './wire.ts';

const REGIONS = ['eu-de', 'eu-nl', 'eu-ch2'];

/** The gateway's words for an access key that it has locked. */
const LOCKED = /limit,?\s*forbidden/i;

export interface Attempt {
  readonly credentials: Credentials;
  readonly target: Target;
  readonly identity: string;
  readonly wire: Wire;
}

/** A project's name begins with its region (IAM API, "Creating a Project"). @throws Fault where that is another one than the target's */
export function refuseOtherRegion({ region, project = region }: Target): void {
  const [home = ''] = project.split('_');
  if (home === region || !REGIONS.includes(home)) return;
  throw new Fault(`project ${project} is not in region ${region}: its name says ${home}`, {
    hint: `Set the input project to one of ${region} (${region} or ${region}_…), or region in the stack file to ${home}.`,
  });
}

/** The fault that tells why signing in failed; what already explains itself stays as it is. */
export function explain(error: unknown, attempt: Attempt): unknown {
  if (error instanceof Cancelled) return error;
  const failure = error instanceof ServiceFault ? error.cause : error;
  if (failure instanceof TransportFailure) return unreachable(error as Error, failure, attempt);
  if (!(error instanceof ServiceFault) || error.status === undefined) return error;
  const details = { status: error.status, code: error.code, requestId: error.requestId, cause: error };
  if (error.status === 401 || LOCKED.test(error.message))
    return new Fault(`sign-in refused: ${error.message}`, { ...details, hint: hintFor401(error, attempt) });
  if (error.status === 404 && attempt.credentials.kind !== 'access-key') {
    return new Fault(`sign-in refused: ${error.message}`, {
      ...details,
      hint: `Check project ${projectOf(attempt)}, domain and identity provider: IAM does not know one of them.`,
    });
  }
  return error;
}

function unreachable(error: Error, failure: TransportFailure, { identity, target }: Attempt): Fault {
  const { code, ofProxy } = failure;
  const host = new URL(identity).host;
  const known = REGIONS.includes(target.region);
  if (code === 'ENOTFOUND' && !ofProxy && !known) {
    return new Fault(`region ${target.region} is unknown: ${host} has no address`, {
      code,
      cause: error,
      hint: `Regions are ${REGIONS.join(', ')}.`,
    });
  }
  const why = ofProxy ? `: ${failure.message}` : ` (${code})`;
  return new Fault(`IAM cannot be reached at ${host}${why}`, { code, cause: error, hint: hintForConnection(failure) });
}

function hintFor401(error: ServiceFault, attempt: Attempt): string {
  const { credentials, wire } = attempt;
  const skew = wire.skewSeconds;
  if (wire.signs && Math.abs(skew) > 600) return `The clock of this machine is ${skewText(skew)}: synchronise it (NTP).`;
  if (error.code === 'IAM.0061') return 'The account is locked after too many wrong passwords: wait 15 minutes, then correct the password.';
  if (LOCKED.test(error.message)) return 'The access key is locked after wrong signatures: wait five minutes, then correct the secret key.';
  if (credentials.kind === 'access-key') {
    const temporary =
      credentials.securityToken === undefined ? ' A temporary key also needs its security-token.' : ' The temporary key may have expired.';
    return `Check access-key and secret-key: they belong together, and the key is enabled.${temporary} Not tried again, since wrong signatures lock a key.`;
  }
  if (credentials.kind === 'password')
    return `Check username, password and domain-name (the "OTC…" name), and that project ${projectOf(attempt)} exists.`;
  return `Check that identity provider ${credentials.identityProvider} knows this issuer, the audience "${credentials.audience}" and GitHub's present signing keys.`;
}

function projectOf({ target }: Attempt): string {
  return target.project ?? target.region;
}

/** The call's value, or a stand-in where the user lacks the permission to ask. */
export async function sent<T>(call: Promise<T>, { on403 }: { readonly on403: () => T }): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ServiceFault && error.status === 403 && !LOCKED.test(error.message)) return on403();
    throw error;
  }
}
