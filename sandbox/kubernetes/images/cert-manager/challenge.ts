/**
 * Owns ACME's way to a certificate: an Order with a Challenge for each name, the record presented by the DNS01 webhook through the
 * aggregated API, looked for in DNS, cleaned up, and the signature of the world's authority at its end.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { ContainerContext } from '../../image.ts';
import type { KubeObject } from '../../objects.ts';
import { type HttpAnswer, httpRequest } from '../http-client.ts';
import { sleep, wait } from '../patience.ts';
import { newOrder } from './acme-site.ts';
import { DnsProblem, findZone, textRecords } from './dns.ts';
import { resourceNamespace } from './issuers.ts';
import type { Issuer, IssuerRef, Solver } from './objects.ts';

type Kube = NonNullable<ContainerContext['kube']>;

export interface AcmeRequest {
  readonly issuer: Issuer;
  readonly issuerRef: IssuerRef;
  /** The CertificateRequest that the order serves. */
  readonly owner: KubeObject & { readonly apiVersion: string; readonly kind: string };
  readonly dnsNames: readonly string[];
  readonly csrPem: string;
  /** False where whoever asked has gone or changed: then the order is given up. */
  readonly wanted: () => Promise<boolean>;
}

/** The chain, or undefined where it is no longer wanted. Throws where it can never succeed. */
export async function order(context: ContainerContext, kube: Kube, asked: AcmeRequest): Promise<string | undefined> {
  const namespace = asked.owner.metadata.namespace ?? '';
  const server = new URL(asked.issuer.spec.acme?.server ?? '');
  const name = `${asked.owner.metadata.name}-${randomInt(1e8, 1e9)}`;
  const orders = `/apis/acme.cert-manager.io/v1/namespaces/${namespace}/orders`;
  const made = await kube.send<KubeObject>('POST', orders, {
    apiVersion: 'acme.cert-manager.io/v1',
    kind: 'Order',
    metadata: { name, ownerReferences: [reference(asked.owner, asked.owner.apiVersion, asked.owner.kind)] },
    spec: { request: Buffer.from(asked.csrPem).toString('base64'), issuerRef: asked.issuerRef, dnsNames: asked.dnsNames },
  });
  const url = `${server.origin}/acme/order/${randomInt(1e8, 1e9)}`;
  const authorizations = asked.dnsNames.map((identifier) => ({
    identifier,
    initialState: 'pending',
    url: `${url}/authz`,
    challenges: [{ type: 'dns-01', token: token(), url: `${url}/chall` }],
  }));
  const status = async (state: string, more: object = {}): Promise<void> => {
    const answer = await kube.request('PATCH', `${orders}/${name}/status`, {
      status: { state, url, finalizeURL: `${url}/finalize`, authorizations, ...more },
    });
    if (answer.status >= 400 && answer.status !== 404) throw new Error(`order ${name}: ${answer.status}`);
  };
  const placed = await place(context, asked, server.origin);
  if (placed === undefined) return undefined;
  if (placed.status >= 400) {
    const { type = '', detail = '' } = JSON.parse(placed.body.toString('utf8')) as { readonly type?: string; readonly detail?: string };
    const reason = `Failed to create Order: ${placed.status} ${type}: ${detail}`;
    await status('errored', { reason });
    throw new Error(`Failed to wait for order resource "${name}" to become ready: order is in "errored" state: ${reason}`);
  }
  await status('pending');
  for (const { identifier, challenges } of authorizations) {
    if (
      !(await challenge(context, kube, asked, {
        order: made,
        name: `${name}-${randomInt(1e8, 1e9)}`,
        dnsName: identifier,
        token: challenges[0]?.token ?? '',
        url,
      }))
    )
      return undefined;
  }
  const { chainPem } = await context.world.authority.sign({
    csrPem: asked.csrPem,
    by: server.host.includes('staging') ? 'staging' : 'public',
    days: 90,
  });
  await status('valid', { certificate: Buffer.from(chainPem).toString('base64') });
  return chainPem;
}

/**
 * Places an order: 4xx ends it, however long the reason lasts; everything else that goes wrong is tried again (cert-manager,
 * acmeorders/sync.go). Undefined where it is no longer wanted.
 */
async function place(context: ContainerContext, { dnsNames, wanted }: AcmeRequest, server: string): Promise<HttpAnswer | undefined> {
  const url = `${server}${newOrder}`;
  const body = JSON.stringify({ identifiers: dnsNames.map((value) => ({ type: 'dns', value })) });
  while (!context.signal.aborted && (await wanted())) {
    try {
      const answer = await httpRequest(context, { url, method: 'POST', body, timeoutMs: 5000 });
      if (answer.status < 500) return answer;
      context.log(`E controller.go error="error creating new order: ${answer.status}"`);
    } catch (error) {
      context.log(`E controller.go error="error creating new order: ${(error as Error).message}"`);
    }
    await sleep(wait(context.world, 5), context.signal);
  }
  return undefined;
}

interface Challenge {
  readonly order: KubeObject;
  readonly name: string;
  readonly dnsName: string;
  readonly token: string;
  readonly url: string;
}

/** True once the challenge is valid, false where it is no longer wanted. */
async function challenge(context: ContainerContext, kube: Kube, asked: AcmeRequest, ask: Challenge): Promise<boolean> {
  const namespace = asked.owner.metadata.namespace ?? '';
  const solver = solverFor(asked.issuer.spec.acme?.solvers ?? [], ask.dnsName);
  const key = createHash('sha256')
    .update(`${ask.token}.${asked.issuer.status?.acme?.uri ?? ''}`)
    .digest('base64url');
  const path = `/apis/acme.cert-manager.io/v1/namespaces/${namespace}/challenges`;
  await kube.send('POST', path, {
    apiVersion: 'acme.cert-manager.io/v1',
    kind: 'Challenge',
    metadata: {
      name: ask.name,
      ownerReferences: [reference(ask.order, 'acme.cert-manager.io/v1', 'Order')],
      finalizers: ['acme.cert-manager.io/finalizer'],
    },
    spec: {
      url: `${ask.url}/chall`,
      authorizationURL: `${ask.url}/authz`,
      dnsName: ask.dnsName,
      type: 'DNS-01',
      token: ask.token,
      key,
      wildcard: ask.dnsName.startsWith('*.'),
      solver: solver ?? {},
      issuerRef: asked.issuerRef,
    },
  });
  const status = async (state: string, reason: string, presented: boolean): Promise<boolean> => {
    const answer = await kube.request('PATCH', `${path}/${ask.name}/status`, {
      status: { state, reason, presented, processing: state === 'pending' },
    });
    return answer.status < 400;
  };
  const cleaned = async (): Promise<boolean> => {
    if (solver === undefined) return true;
    try {
      await solve(context, kube, asked.issuer, solver, 'CleanUp', ask.dnsName, key);
      return true;
    } catch (error) {
      context.log(`error cleaning up challenge: ${(error as Error).message}`);
      return false;
    }
  };
  /** Once when the challenge is final, and where that failed once more by its finalizer, which then goes either way (cert-manager, acmechallenges). */
  const clean = async (): Promise<void> => {
    if (!(await cleaned())) await cleaned();
    await kube.request('PATCH', `${path}/${ask.name}`, { metadata: { finalizers: [] } });
  };
  if (solver === undefined) {
    await status('errored', 'no configured challenge solvers can be used for this challenge', false);
    throw new Error('no configured challenge solvers can be used for this challenge');
  }
  let presented = false;
  while (!context.signal.aborted && (await asked.wanted())) {
    try {
      if (!presented) await solve(context, kube, asked.issuer, solver, 'Present', ask.dnsName, key);
      presented = true;
      if ((await textRecords(context, recordName(ask.dnsName))).includes(key)) {
        await status('valid', 'Successfully authorized domain', true);
        await clean();
        await kube.request('DELETE', `${path}/${ask.name}`);
        return true;
      }
      const there = await status('pending', `Waiting for DNS-01 challenge propagation: DNS record for "${ask.dnsName}" not yet propagated`, true);
      if (!there) break;
    } catch (error) {
      const message = (error as Error).message;
      context.log(`E controller.go error="${message}" key="${namespace}/${ask.name}"`);
      if (
        !(await status(
          'pending',
          presented && error instanceof DnsProblem ? `Waiting for DNS-01 challenge propagation: ${message}` : message,
          presented,
        ))
      )
        break;
    }
    await sleep(wait(context.world, presented ? 10 : 20), context.signal);
  }
  if (presented) await clean();
  else await kube.request('PATCH', `${path}/${ask.name}`, { metadata: { finalizers: [] } });
  return false;
}

const recordName = (dnsName: string): string => `_acme-challenge.${dnsName.replace(/^\*\./, '')}.`;

/** Asks the webhook of the solver's group, through the API server, as the aggregated API that it is. */
async function solve(
  context: ContainerContext,
  kube: Kube,
  issuer: Issuer,
  solver: Solver,
  action: 'Present' | 'CleanUp',
  dnsName: string,
  key: string,
): Promise<void> {
  const webhook = solver.dns01?.webhook;
  if (webhook === undefined) throw new Error(`no solver for DNS01 but webhook is at hand here, and the issuer configures another`);
  const fqdn = recordName(dnsName);
  const answer = await kube.request<{ response?: { success: boolean; status?: { message?: string } }; message?: string }>(
    'POST',
    `/apis/${webhook.groupName}/v1alpha1/${webhook.solverName}`,
    {
      apiVersion: 'webhook.acme.cert-manager.io/v1alpha1',
      kind: 'ChallengePayload',
      request: {
        uid: randomBytes(16).toString('hex'),
        action,
        type: 'dns-01',
        dnsName,
        key,
        resourceNamespace: resourceNamespace(context, issuer),
        resolvedFQDN: fqdn,
        resolvedZone: await findZone(context, fqdn),
        allowAmbientCredentials: issuer.metadata.namespace === undefined,
        config: webhook.config,
      },
    },
  );
  if (answer.status >= 400) throw new Error(answer.body.message ?? `the server answered ${answer.status}`);
  if (answer.body.response?.success !== true) throw new Error(answer.body.response?.status?.message ?? 'the webhook refused');
}

/** The solver whose selector fits best: a name first, then the longest zone, then none at all. */
function solverFor(solvers: readonly Solver[], dnsName: string): Solver | undefined {
  const zoneOf = ({ selector }: Solver): number =>
    Math.max(-1, ...(selector?.dnsZones ?? []).filter((zone) => dnsName === zone || dnsName.endsWith(`.${zone}`)).map((zone) => zone.length));
  const rank = (solver: Solver): number => {
    if (solver.selector?.dnsNames?.includes(dnsName) === true) return 1000;
    if (zoneOf(solver) >= 0) return zoneOf(solver);
    return (solver.selector?.dnsNames ?? []).length === 0 && (solver.selector?.dnsZones ?? []).length === 0 ? 0 : -1;
  };
  return solvers.filter((solver) => solver.dns01 !== undefined && rank(solver) >= 0).sort((a, b) => rank(b) - rank(a))[0];
}

const token = (): string => randomBytes(32).toString('base64url');

const reference = (object: KubeObject, apiVersion: string, kind: string) => ({
  apiVersion,
  kind,
  name: object.metadata.name,
  uid: object.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});
