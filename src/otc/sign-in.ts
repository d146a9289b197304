/**
 * Owns signing in: from credentials, region and project name to a session. One single call proves the credentials before
 * anything else is sent, because a few wrong signatures in a row lock an access key. What a session does is `client.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import { Secret } from '../secret.ts';
import { type AccessKey, type Auth, byToken, type Scope, signedBy } from './auth.ts';
import { Otc, type Session } from './client.ts';
import { dnsRegion, originOf, patternOrigin, type Service } from './endpoints.ts';
import { listProjects, listVisibleProjects, type Project, readCatalog } from './iam.ts';
import { explain, refuseOtherRegion, sent } from './sign-in-faults.ts';
import type { Credentials, Target } from './target.ts';
import { fetchToken, type Identity } from './token.ts';
import { type Ports, Wire } from './wire.ts';

/** Signs in. @throws Fault for a wrong key or password, an unknown region or project, a refused signature, clock skew */
export async function signIn(credentials: Credentials, target: Target, ports: Ports): Promise<Otc> {
  refuseOtherRegion(target);
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
  const dnsName = dnsProjectOf(target, name);
  const needsTwo = dnsName !== name && !elsewhere(target);
  // Two projects are found in one answer, by a question that names none.
  const listed = sent(listProjects(bare, needsTwo ? undefined : name), { on403: () => [] as Project[] });
  const project = await projectNamed(bare, listed, name);
  const ids = { projectId: project.id, domainId: project.domain_id };
  // One that is not among them shows where it is asked for.
  const dnsProject = needsTwo ? settled(projectNamed(bare, listed, dnsName)) : undefined;
  const catalog = await readCatalog(identityOnly(signedBy(key, wire, ids), identity, target.region, wire));
  const here = (at: Project): Omit<Session, 'dnsHome'> => ({
    region: target.region,
    projectId: at.id,
    projectName: at.name,
    domainId: at.domain_id,
    wire,
    auth: signedBy(key, wire, { projectId: at.id, domainId: at.domain_id }),
    origin: (service) => (service === 'iam' ? identity : originOf(service, target.region, catalog)),
  });
  const sibling = dnsProject === undefined ? undefined : async (): Promise<Otc> => new Otc(here((await dnsProject)()));
  return withDnsHome(here(project), { kind: 'access-key', ...key }, target, wire, sibling);
}

/** The outcome of a promise, to be opened later; until then its failure goes unnoticed. */
async function settled<T>(promise: Promise<T>): Promise<() => T> {
  const [outcome] = await Promise.allSettled([promise]);
  return () => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  };
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
    const found = await projectNamed(bare, sent(listProjects(bare, name), { on403: () => [] }), name);
    project = found;
    domainId ??= found.domain_id;
  }
  const catalog = fetched.catalog ?? (await readCatalog(bare));
  const here = {
    region: target.region,
    projectId: project.id,
    projectName: project.name,
    domainId,
    wire,
    auth,
    origin: (service: Service) => (service === 'iam' ? identity : originOf(service, target.region, catalog)),
  };
  return withDnsHome(here, credentials, target, wire);
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

/** Whether public DNS lives in another region. */
function elsewhere({ region }: Target): boolean {
  return dnsRegion(region) !== region;
}

function dnsProjectOf(target: Target, own: string): string {
  return target.dnsProject ?? (elsewhere(target) ? dnsRegion(target.region) : own);
}

/** The session, with the way to the one in which public DNS is managed, opened at its first use. */
function withDnsHome(
  here: Omit<Session, 'dnsHome'>,
  credentials: Credentials,
  { dnsProject: _dnsProject, ...target }: Target,
  wire: Wire,
  sibling?: () => Promise<Otc>,
): Otc {
  const project = dnsProjectOf({ ...target, dnsProject: _dnsProject }, here.projectName);
  if (project === here.projectName) return new Otc(here);
  const { identityEndpoint, region } = target;
  const same = elsewhere(target) ? {} : { identityEndpoint };
  const open = sibling ?? ((): Promise<Otc> => openSession(credentials, { ...same, region: dnsRegion(region), project }, wire));
  let home: Promise<Otc> | undefined;
  return new Otc({ ...here, dnsHome: () => (home ??= open()) });
}

/** A session that knows IAM only, for the calls that come before project and catalog are known. */
function identityOnly(auth: Auth, identity: string, region: string, wire: Wire): Otc {
  return new Otc({ region, projectId: '', projectName: '', domainId: undefined, wire, auth, origin: () => identity });
}

async function projectNamed(otc: Otc, listed: Promise<readonly Project[]>, name: string): Promise<Project> {
  const project = (await listed).find((one) => one.name === name);
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
