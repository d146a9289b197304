/**
 * Owns what becomes of a Certificate: a CertificateRequest where its Secret is not what it asks for (`policies.ts`), the issuer's
 * answer, the Secret and the status afterwards. ACME's part is `challenge.ts`'s.
 */
import type { ContainerContext } from '../../image.ts';
import type { KubeObject, Secret } from '../../objects.ts';
import { sleep, wait } from '../patience.ts';
import { order } from './challenge.ts';
import { findIssuer, resourceNamespace } from './issuers.ts';
import { facts, makeKey, makeRequest, signWith } from './keys.ts';
import { annotationPrefix, type Certificate, type Condition, certificatePath, conditionOf, milliseconds, now, withCondition } from './objects.ts';
import { exchanged, mismatch, renewal } from './policies.ts';

type Kube = NonNullable<ContainerContext['kube']>;
type Issued = { readonly chainPem: string; readonly caPem: string | undefined };

/** One pass over a Certificate: nothing to do, or an issuance to its end. */
export async function reconcileCertificate(context: ContainerContext, kube: Kube, certificate: Certificate): Promise<void> {
  const { namespace = '', name } = certificate.metadata;
  const secrets = `/api/v1/namespaces/${namespace}/secrets`;
  const secret = await kube.get<Secret>(`${secrets}/${certificate.spec.secretName}`);
  const issuing = conditionOf(certificate, 'Issuing')?.status === 'True';
  const requests = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests`;
  const last = await kube.get<KubeObject & { spec: { request: string } }>(`${requests}/${name}-${certificate.status?.revision ?? 0}`);
  const problem = mismatch(certificate, secret) ?? exchanged(secret, last?.spec.request);
  if (problem === undefined && !issuing) {
    if (secret !== undefined && !isReported(certificate))
      await report(kube, certificate, Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64').toString('utf8'), certificate.status?.revision ?? 1);
    return;
  }
  const generation = certificate.metadata.generation ?? 1;
  const reason = problem?.reason ?? 'ManuallyTriggered';
  const message = problem?.message ?? 'Certificate re-issuance manually triggered';
  let conditions = withCondition(certificate.status?.conditions, {
    type: 'Issuing',
    status: 'True',
    reason,
    message,
    observedGeneration: generation,
  });
  if (problem !== undefined)
    conditions = withCondition(conditions, { type: 'Ready', status: 'False', reason, message, observedGeneration: generation });
  await setStatus(kube, certificate, { conditions });

  const revision = (certificate.status?.revision ?? 0) + 1;
  const requestName = `${name}-${revision}`;
  await kube.request('DELETE', `${requests}/${requestName}`);
  const reuse =
    certificate.spec.privateKey?.rotationPolicy === 'Never' ? Buffer.from(secret?.data?.['tls.key'] ?? '', 'base64').toString('utf8') : '';
  const keyPem = reuse === '' ? await makeKey(certificate.spec.privateKey) : reuse;
  const csrPem = await makeRequest(certificate.spec, keyPem);
  const request = await makeCertificateRequest(context, kube, certificate, requestName, revision, csrPem);
  const wanted = async (): Promise<boolean> => {
    const [current, its] = await Promise.all([kube.get<Certificate>(certificatePath(namespace, name)), kube.get(`${requests}/${requestName}`)]);
    return (
      its !== undefined && current?.metadata.generation === certificate.metadata.generation && current?.metadata.uid === certificate.metadata.uid
    );
  };
  try {
    const issued = await issue(context, kube, certificate, request, { csrPem, keyPem, wanted });
    if (issued === undefined) return;
    await requestStatus(kube, `${requests}/${requestName}`, 'True', 'Issued', 'Certificate fetched from issuer successfully', issued);
    await writeSecret(kube, certificate, secret, keyPem, issued);
    await report(kube, certificate, issued.chainPem, revision);
    context.log(`I "certificate issued" key="${namespace}/${name}"`);
  } catch (error) {
    const failure = (error as Error).message;
    context.log(`E "certificate issuance failed" key="${namespace}/${name}" err="${failure}"`);
    await requestStatus(kube, `${requests}/${requestName}`, 'False', 'Failed', failure);
    const failed: Condition = {
      type: 'Issuing',
      status: 'False',
      reason: 'Failed',
      message: `The certificate request has failed to complete and will be retried: ${failure}`,
      observedGeneration: generation,
    };
    const attempts = (certificate.status?.failedIssuanceAttempts ?? 0) + 1;
    await setStatus(kube, certificate, { conditions: withCondition(conditions, failed), lastFailureTime: now(), failedIssuanceAttempts: attempts });
  }
}

/**
 * Has the last failure been long enough ago: an hour, doubled with each one, on the world's clock. Nobody waits where an issuance was
 * triggered by hand, or where the failure was that of another spec (cert-manager, certificates/trigger, shouldBackoffReissuingOnFailure).
 */
export function mayTry(context: ContainerContext, certificate: Certificate): boolean {
  const { lastFailureTime, failedIssuanceAttempts } = certificate.status ?? {};
  if (typeof lastFailureTime !== 'string') return true;
  const issuing = conditionOf(certificate, 'Issuing');
  if (issuing?.status === 'True' || issuing?.observedGeneration !== certificate.metadata.generation) return true;
  const hours = 2 ** Math.min(5, (failedIssuanceAttempts ?? 1) - 1);
  return Date.now() > Date.parse(lastFailureTime) + wait(context.world, hours * 3600);
}

const isReported = (certificate: Certificate): boolean => {
  const ready = conditionOf(certificate, 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === certificate.metadata.generation;
};

async function issue(
  context: ContainerContext,
  kube: Kube,
  certificate: Certificate,
  request: KubeObject,
  made: { readonly csrPem: string; readonly keyPem: string; readonly wanted: () => Promise<boolean> },
): Promise<Issued | undefined> {
  const { namespace = '' } = certificate.metadata;
  for (;;) {
    const issuer = await findIssuer(kube, certificate.spec.issuerRef, namespace);
    const ready = issuer !== undefined && conditionOf(issuer, 'Ready')?.status === 'True';
    if (issuer !== undefined && ready) {
      if (issuer.spec.acme !== undefined) {
        const owner = { ...request, apiVersion: 'cert-manager.io/v1', kind: 'CertificateRequest' };
        const names = { dnsNames: certificate.spec.dnsNames ?? [], issuerRef: certificate.spec.issuerRef };
        const chainPem = await order(context, kube, { issuer, owner, ...names, csrPem: made.csrPem, wanted: made.wanted });
        return chainPem === undefined ? undefined : { chainPem, caPem: undefined };
      }
      const authority = await authorityOf(context, kube, issuer.spec.ca?.secretName, resourceNamespace(context, issuer));
      const life = milliseconds(certificate.spec.duration ?? '2160h');
      const certPem = await signWith(certificate.spec, made.csrPem, made.keyPem, authority, life);
      return { chainPem: certPem, caPem: authority?.certPem ?? certPem };
    }
    const message =
      issuer === undefined
        ? `Referenced "${certificate.spec.issuerRef.kind ?? 'Issuer'}" not found: issuer "${certificate.spec.issuerRef.name}" not found`
        : `Referenced issuer does not have a Ready status condition`;
    await requestStatus(
      kube,
      `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests/${request.metadata.name}`,
      'False',
      'Pending',
      message,
    );
    await sleep(wait(context.world, 5), context.signal);
    if (context.signal.aborted || !(await made.wanted())) return undefined;
  }
}

async function authorityOf(
  context: ContainerContext,
  kube: Kube,
  secretName: string | undefined,
  namespace: string,
): Promise<{ certPem: string; keyPem: string } | undefined> {
  if (secretName === undefined) return undefined;
  const secret = await kube.get<Secret>(`/api/v1/namespaces/${namespace}/secrets/${secretName}`);
  const text = (key: string): string => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
  if (secret === undefined) throw new Error(`Error getting keypair for CA issuer: secrets "${secretName}" not found`);
  context.log(`V signing with secret ${secretName}`);
  return { certPem: text('tls.crt'), keyPem: text('tls.key') };
}

async function makeCertificateRequest(
  context: ContainerContext,
  kube: Kube,
  certificate: Certificate,
  name: string,
  revision: number,
  csrPem: string,
): Promise<KubeObject> {
  const { namespace = '', uid = '' } = certificate.metadata;
  const path = `/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests`;
  const annotations = {
    [`${annotationPrefix}certificate-name`]: certificate.metadata.name,
    [`${annotationPrefix}certificate-revision`]: String(revision),
  };
  const ownerReferences = [
    { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', name: certificate.metadata.name, uid, controller: true, blockOwnerDeletion: true },
  ];
  const { issuerRef, usages, isCA } = certificate.spec;
  const made = await kube.send<KubeObject>('POST', path, {
    apiVersion: 'cert-manager.io/v1',
    kind: 'CertificateRequest',
    metadata: { name, annotations, ownerReferences },
    spec: {
      issuerRef,
      request: Buffer.from(csrPem).toString('base64'),
      ...(usages === undefined ? {} : { usages }),
      ...(isCA === undefined ? {} : { isCA }),
    },
  });
  const approved: Condition = {
    type: 'Approved',
    status: 'True',
    reason: 'cert-manager.io',
    message: 'Certificate request has been approved by cert-manager.io',
  };
  await kube.send('PATCH', `${path}/${name}/status`, { status: { conditions: withCondition([], approved) } });
  context.log(`I "created new CertificateRequest resource" key="${namespace}/${name}"`);
  return made;
}

async function requestStatus(kube: Kube, path: string, status: 'True' | 'False', reason: string, message: string, issued?: Issued): Promise<void> {
  const seen = await kube.get<{ status?: { conditions?: Condition[] } }>(path);
  if (seen === undefined) return;
  const encode = (pem: string): string => Buffer.from(pem).toString('base64');
  const content =
    issued === undefined ? {} : { certificate: encode(issued.chainPem), ...(issued.caPem === undefined ? {} : { ca: encode(issued.caPem) }) };
  const failure = reason === 'Failed' ? { failureTime: now() } : {};
  await kube.send('PATCH', `${path}/status`, {
    status: { conditions: withCondition(seen.status?.conditions, { type: 'Ready', status, reason, message }), ...content, ...failure },
  });
}

async function writeSecret(kube: Kube, certificate: Certificate, before: Secret | undefined, keyPem: string, issued: Issued): Promise<void> {
  const { namespace = '', name } = certificate.metadata;
  const { spec } = certificate;
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: spec.secretName,
      labels: { 'controller.cert-manager.io/fao': 'true', ...spec.secretTemplate?.labels },
      annotations: {
        [`${annotationPrefix}alt-names`]: (spec.dnsNames ?? []).join(','),
        [`${annotationPrefix}certificate-name`]: name,
        [`${annotationPrefix}common-name`]: spec.commonName ?? '',
        [`${annotationPrefix}ip-sans`]: (spec.ipAddresses ?? []).join(','),
        [`${annotationPrefix}issuer-group`]: spec.issuerRef.group ?? 'cert-manager.io',
        [`${annotationPrefix}issuer-kind`]: spec.issuerRef.kind ?? 'Issuer',
        [`${annotationPrefix}issuer-name`]: spec.issuerRef.name,
        [`${annotationPrefix}uri-sans`]: (spec.uris ?? []).join(','),
        ...spec.secretTemplate?.annotations,
      },
    },
    type: 'kubernetes.io/tls',
    data: {
      'tls.crt': encode(issued.chainPem),
      'tls.key': encode(keyPem),
      ...(issued.caPem === undefined ? {} : { 'ca.crt': encode(issued.caPem) }),
    },
  };
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  if (before === undefined) await kube.send('POST', path, secret);
  else await kube.send('PATCH', `${path}/${spec.secretName}`, { metadata: secret.metadata, data: secret.data });
}

async function report(kube: Kube, certificate: Certificate, chainPem: string, revision: number): Promise<void> {
  const seen = facts(chainPem);
  const ready: Condition = {
    type: 'Ready',
    status: 'True',
    reason: 'Ready',
    message: 'Certificate is up to date and has not expired',
    observedGeneration: certificate.metadata.generation ?? 1,
  };
  const current = await kube.get<Certificate>(certificatePath(certificate.metadata.namespace ?? '', certificate.metadata.name));
  const conditions = withCondition(current?.status?.conditions, ready).filter(({ type }) => type !== 'Issuing');
  const times = { notBefore: now(seen.notBefore), notAfter: now(seen.notAfter), renewalTime: now(renewal(certificate, seen)) };
  await setStatus(kube, certificate, { conditions, ...times, revision, lastFailureTime: null, failedIssuanceAttempts: null });
}

async function setStatus(kube: Kube, certificate: Certificate, status: object): Promise<void> {
  const answer = await kube.request('PATCH', `${certificatePath(certificate.metadata.namespace ?? '', certificate.metadata.name)}/status`, {
    status,
  });
  if (answer.status >= 400 && answer.status !== 404)
    throw new Error(`status of certificate ${certificate.metadata.name}: ${answer.status} ${JSON.stringify(answer.body)}`);
}
