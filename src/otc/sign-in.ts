/**
 * Owns signing in: from credentials, region and project name to a session. One single call proves the credentials before
 * anything else is sent, because a few wrong signatures in a row lock an access key. What a session does is `client.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import { Secret } from '../secret.ts';
import { type AccessKey, type Auth, byToken, type Scope, signedBy } from './auth.ts';
import { Otc } from './client.ts';
import { type CatalogEntry, dnsRegion, originOf, patternOrigin } from './endpoints.ts';
import { listProjects, listVisibleProjects, type Project, readCatalog } from './iam.ts';
import { explain, sent } from './sign-in-faults.ts';
import { fetchToken, type Identity } from './token.ts';
import { type Ports, Wire } from './wire.ts';

export type Credentials =
  | ({ readonly kind: 'access-key' } & AccessKey)
  | { readonly kind: 'password'; readonly username: string; readonly password: Secret; readonly domainName: string }
  | { readonly kind: 'oidc'; readonly identityProvider: string; readonly audience: string };

export interface Target {
  readonly region: string;
  /** Name of the project; default the region's own, for example `eu-de`. */
  readonly project?: string | undefined;
  /** `https://host[:port][/v3]` of IAM where it is not the region's usual one. */
  readonly identityEndpoint?: string | undefined;
}

/** Signs in. @throws Fault for a wrong key or password, an unknown region or project, a refused signature, clock skew */
export async function signIn(credentials: Credentials, target: Target, ports: Ports): Promise<Otc> {
  return openSession(credentials, target, new Wire(ports));
}

async function openSession(credentials: Credentials, target: Target, wire: Wire): Promise<Otc> {
  const identity = target.identityEndpoint === undefined ? patternOrigin('iam', target.region) : new URL(target.identityEndpoint).origin;
  const name = target.project ?? target.region;
  try {
    if (credentials.kind === 'access-key') return await byAccessKey(credentials, target, name, identity, wire);
    return await byFetchedToken(credentials, target, name, identity, wire);
  } catch (error) {
    throw explain(error, { credentials, target, identity, wire });
  }
}

async function byAccessKey(key: AccessKey, target: Target, name: string, identity: string, wire: Wire): Promise<Otc> {
  const bare = identityOnly(signedBy(key, wire, {}), identity, target.region, wire);
  const project = await projectNamed(bare, name);
  const ids = { projectId: project.id, domainId: project.domain_id };
  const catalog = await readCatalog(identityOnly(signedBy(key, wire, ids), identity, target.region, wire));
  return session(signedBy(key, wire, ids), project, catalog, identity, { kind: 'access-key', ...key }, target, wire);
}

async function byFetchedToken(
  credentials: Exclude<Credentials, { kind: 'access-key' }>,
  target: Target,
  name: string,
  identity: string,
  wire: Wire,
): Promise<Otc> {
  const who = await identityOf(credentials, wire.ports);
  const fetched = await fetchToken(wire, identity, await who(), { project: name });
  let { project, domainId } = fetched;
  const auth = byToken(async (scope: Scope) => {
    const wanted = scope === 'project' || domainId === undefined ? { project: name } : { domainId };
    return (await fetchToken(wire, identity, await who(), wanted)).secret;
  }, fetched.secret);
  const bare = identityOnly(auth, identity, target.region, wire);
  if (project === undefined) {
    const found = await projectNamed(bare, name);
    project = found;
    domainId ??= found.domain_id;
  }
  const catalog = fetched.catalog ?? (await readCatalog(bare));
  return session(auth, { ...project, domain_id: domainId }, catalog, identity, credentials, target, wire);
}

/** How to say who we are, each time anew: an ID token lives only minutes. */
async function identityOf(credentials: Exclude<Credentials, { kind: 'access-key' }>, ports: Ports): Promise<() => Promise<Identity>> {
  if (credentials.kind === 'password') return async () => credentials;
  const { idToken } = ports;
  if (idToken === undefined) {
    throw new Fault('sign-in through an identity provider needs an ID token, and this job cannot get one', {
      hint: 'Give the job "permissions: { id-token: write }".',
    });
  }
  return async () => {
    const token = await idToken(credentials.audience);
    return { kind: 'oidc', identityProvider: credentials.identityProvider, idToken: new Secret(token, 'ID token') };
  };
}

function session(
  auth: Auth,
  project: { readonly id: string; readonly name: string; readonly domain_id?: string | undefined },
  catalog: readonly CatalogEntry[],
  identity: string,
  credentials: Credentials,
  target: Target,
  wire: Wire,
): Otc {
  const elsewhere = dnsRegion(target.region);
  let home: Promise<Otc> | undefined;
  const otherRegion = async (): Promise<Otc> => {
    // A sub-project `eu-nl_x` has its twin `eu-de_x` where the tenant made one; else the region's own project serves.
    const twin = project.name.replace(target.region, elsewhere);
    const { region: _region, project: _project, ...same } = target;
    const open = (name: string): Promise<Otc> => openSession(credentials, { ...same, region: elsewhere, project: name }, wire);
    try {
      return await open(twin);
    } catch (error) {
      if (twin === elsewhere || !(error instanceof Fault) || error.status === 401) throw error;
      return await open(elsewhere);
    }
  };
  return new Otc({
    region: target.region,
    projectId: project.id,
    projectName: project.name,
    domainId: project.domain_id,
    wire,
    auth,
    origin: (service) => (service === 'iam' ? identity : originOf(service, target.region, catalog)),
    ...(elsewhere === target.region ? {} : { dnsHome: () => (home ??= otherRegion()) }),
  });
}

/** A session that knows IAM only, for the calls that come before project and catalog are known. */
function identityOnly(auth: Auth, identity: string, region: string, wire: Wire): Otc {
  return new Otc({ region, projectId: '', projectName: '', domainId: undefined, wire, auth, origin: () => identity });
}

async function projectNamed(otc: Otc, name: string): Promise<Project> {
  const [project] = await sent(listProjects(otc, name), { on403: () => [] as Project[] });
  if (project !== undefined) return project;
  const visible = await listVisibleProjects(otc);
  const found = visible.find((one) => one.name === name);
  if (found !== undefined) return found;
  const names = visible.map((one) => one.name).sort();
  throw new Fault(`project ${name} does not exist, or this user may not see it`, {
    resource: `project ${name}`,
    hint: names.length === 0 ? 'This user sees no project at all: give its group a role in the project.' : `Visible projects: ${names.join(', ')}.`,
  });
}
