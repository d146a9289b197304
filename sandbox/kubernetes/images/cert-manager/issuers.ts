/**
 * Owns issuers, namespaced and of the cluster: an ACME account where the server can be reached, a CA whose Secret is there, or
 * self-signing; and their `Ready` condition, of which everything else depends.
 */
import { randomInt } from 'node:crypto';
import type { ContainerContext } from '../../image.ts';
import type { Secret } from '../../objects.ts';
import { httpRequest } from '../http-client.ts';
import { makeKey } from './keys.ts';
import { type Condition, conditionOf, type Issuer, type IssuerRef, withCondition } from './objects.ts';

export const issuerPath = (issuer: Issuer): string =>
  issuer.kind === 'Issuer' || issuer.metadata.namespace !== undefined
    ? `/apis/cert-manager.io/v1/namespaces/${issuer.metadata.namespace}/issuers/${issuer.metadata.name}`
    : `/apis/cert-manager.io/v1/clusterissuers/${issuer.metadata.name}`;

/** Namespace in which an issuer's Secrets are. */
export const resourceNamespace = (context: ContainerContext, issuer: Issuer): string => {
  const flag = context.args.find((arg) => arg.startsWith('--cluster-resource-namespace='))?.split('=')[1];
  return issuer.metadata.namespace ?? flag ?? context.pod.metadata.namespace ?? 'cert-manager';
};

type Kube = NonNullable<ContainerContext['kube']>;

/** Brings the issuer to readiness, or says why not; true where it is ready. */
export async function reconcileIssuer(context: ContainerContext, kube: Kube, issuer: Issuer): Promise<boolean> {
  const verdict = await judge(context, kube, issuer);
  const generation = issuer.metadata.generation;
  const condition: Condition = { type: 'Ready', ...verdict.condition, ...(generation === undefined ? {} : { observedGeneration: generation }) };
  const before = conditionOf(issuer, 'Ready');
  const same =
    before?.status === condition.status &&
    before.reason === condition.reason &&
    before.message === condition.message &&
    before.observedGeneration === generation;
  if (!same) {
    const answer = await kube.request('PATCH', `${issuerPath(issuer)}/status`, {
      status: { conditions: withCondition(issuer.status?.conditions, condition), ...(verdict.acme === undefined ? {} : { acme: verdict.acme }) },
    });
    if (answer.status >= 400 && answer.status !== 404)
      throw new Error(`issuer ${issuer.metadata.name}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return condition.status === 'True';
}

interface Verdict {
  readonly condition: Omit<Condition, 'type'>;
  readonly acme?: { readonly uri: string; readonly lastRegisteredEmail: string };
}

async function judge(context: ContainerContext, kube: Kube, issuer: Issuer): Promise<Verdict> {
  const { acme, ca } = issuer.spec;
  if (ca !== undefined) {
    const found = await kube.get<Secret>(`/api/v1/namespaces/${resourceNamespace(context, issuer)}/secrets/${ca.secretName}`);
    return found === undefined
      ? {
          condition: {
            status: 'False',
            reason: 'ErrGetKeyPair',
            message: `Error getting keypair for CA issuer: secrets "${ca.secretName}" not found`,
          },
        }
      : { condition: { status: 'True', reason: 'KeyPairVerified', message: 'Signing CA verified' } };
  }
  if (acme === undefined) return { condition: { status: 'True', reason: 'IsReady', message: 'Issuer is ready' } };
  try {
    await accountKey(context, kube, issuer, acme.privateKeySecretRef);
    const { status } = await httpRequest(context, { url: acme.server, timeoutMs: 5000 });
    if (status !== 200) throw new Error(`${status}: `);
    const uri = issuer.status?.acme?.uri ?? `${new URL(acme.server).origin}/acme/acct/${randomInt(1e8, 1e9)}`;
    const message = 'The ACME account was registered with the ACME server';
    return { condition: { status: 'True', reason: 'ACMEAccountRegistered', message }, acme: { uri, lastRegisteredEmail: acme.email ?? '' } };
  } catch (error) {
    const message = `Failed to register ACME account: Get "${acme.server}": ${(error as Error).message}`;
    return { condition: { status: 'False', reason: 'ErrRegisterACMEAccount', message } };
  }
}

/** The account's key, made at the first look. */
async function accountKey(
  context: ContainerContext,
  kube: Kube,
  issuer: Issuer,
  ref: { readonly name: string; readonly key?: string },
): Promise<void> {
  const path = `/api/v1/namespaces/${resourceNamespace(context, issuer)}/secrets`;
  if ((await kube.get(`${path}/${ref.name}`)) !== undefined) return;
  const data = { [ref.key ?? 'tls.key']: Buffer.from(await makeKey(undefined)).toString('base64') };
  await kube.send('POST', path, { apiVersion: 'v1', kind: 'Secret', metadata: { name: ref.name }, type: 'Opaque', data });
}

/** The issuer that a reference names, undefined where there is none. */
export async function findIssuer(kube: Kube, ref: IssuerRef, namespace: string): Promise<Issuer | undefined> {
  const path =
    ref.kind === 'ClusterIssuer'
      ? `/apis/cert-manager.io/v1/clusterissuers/${ref.name}`
      : `/apis/cert-manager.io/v1/namespaces/${namespace}/issuers/${ref.name}`;
  return kube.get<Issuer>(path);
}
