/**
 * Owns the images of cert-manager's webhook (certificate of its own making, validation of what people write by hand) and of the
 * start-up check.
 */
import { createServer } from 'node:https';
import type { ContainerContext, Image } from '../../image.ts';
import type { Secret } from '../../objects.ts';
import { clusterAuthority, makeCa } from '../../pki.ts';
import { serveHealth } from '../health.ts';
import { sleep, untilAborted, wait } from '../patience.ts';
import type { Certificate, Issuer } from './objects.ts';

const flags = (context: ContainerContext, name: string): string[] =>
  context.args.filter((arg) => arg.startsWith(`--${name}=`)).map((arg) => arg.slice(name.length + 3));

interface Review {
  readonly apiVersion: string;
  readonly kind: string;
  readonly request: {
    readonly uid: string;
    readonly kind: { readonly kind: string };
    readonly object: unknown;
    readonly userInfo: { readonly username?: string; readonly uid?: string; readonly groups?: readonly string[] };
  };
}

export const certManagerWebhook: Image = {
  matches: (reference) => /(^|\/)cert-manager-webhook[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) return 1;
    const namespace = flags(context, 'dynamic-serving-ca-secret-namespace')[0] ?? '';
    const secretName = flags(context, 'dynamic-serving-ca-secret-name')[0] ?? '';
    const names = flags(context, 'dynamic-serving-dns-names');
    const pair = await servingPair(kube, namespace, secretName, names);
    const server = createServer({ cert: pair.certPem, key: pair.keyPem }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Review;
        const answer = request.url?.startsWith('/mutate') === true ? mutate(review) : validate(review);
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ apiVersion: review.apiVersion, kind: review.kind, response: { uid: review.request.uid, ...answer } }));
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(Number(flags(context, 'secure-port')[0] ?? 10250), context.address, resolve);
    });
    const close = await serveHealth(context, 6080, ['/livez', '/healthz']);
    await untilAborted(context.signal);
    server.closeAllConnections();
    await Promise.all([new Promise<void>((resolve) => server.close(() => resolve())), close()]);
    return 0;
  },
};

async function servingPair(
  kube: NonNullable<ContainerContext['kube']>,
  namespace: string,
  name: string,
  names: readonly string[],
): Promise<{ certPem: string; keyPem: string }> {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  let secret = await kube.get<Secret>(`${path}/${name}`);
  if (secret === undefined) {
    const ca = await makeCa('cert-manager-webhook-ca');
    const metadata = { name, annotations: { 'cert-manager.io/allow-direct-injection': 'true' } };
    const data = { 'ca.crt': encode(ca.certPem), 'tls.crt': encode(ca.certPem), 'tls.key': encode(ca.keyPem) };
    const made = await kube.request<Secret>('POST', path, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data });
    // Another replica was faster: its authority is everybody's.
    secret = made.status === 409 ? await kube.get<Secret>(`${path}/${name}`) : made.body;
  }
  const text = (key: string): string => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString('utf8');
  const authority = await clusterAuthority({ certPem: text('tls.crt'), keyPem: text('tls.key') });
  return authority.server({ name: names[0] ?? '', names, addresses: [] });
}

/** Who asked stands in the request from now on. */
function mutate(review: Review): object {
  const { username = '', uid = '', groups = [] } = review.request.userInfo;
  const patch = [
    { op: 'add', path: '/spec/username', value: username },
    { op: 'add', path: '/spec/uid', value: uid },
    { op: 'add', path: '/spec/groups', value: groups },
  ];
  return { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') };
}

function validate(review: Review): object {
  const problem = problemOf(review.request.kind.kind, review.request.object);
  if (problem === undefined) return { allowed: true };
  return { allowed: false, status: { status: 'Failure', reason: 'NotAcceptable', code: 406, message: problem } };
}

function problemOf(kind: string, object: unknown): string | undefined {
  if (kind === 'Certificate') {
    const { spec } = object as Certificate;
    const named = [spec.commonName, ...(spec.dnsNames ?? []), ...(spec.ipAddresses ?? []), ...(spec.uris ?? [])].some(
      (name) => name !== undefined && name !== '',
    );
    if (spec.secretName === '') return 'spec.secretName: Required value: must be specified';
    if (!named) {
      return 'spec: Invalid value: "": at least one of commonName (from the commonName field or from a literalSubject), dnsNames, uriSANs, ipAddresses, emailSANs or otherNames must be set';
    }
  }
  if (kind === 'Issuer' || kind === 'ClusterIssuer') {
    const { acme, ca, selfSigned, ...more } = (object as Issuer).spec as Issuer['spec'] & { vault?: object; venafi?: object };
    const chosen = [acme, ca, selfSigned, more.vault, more.venafi].filter((one) => one !== undefined).length;
    if (chosen === 0) return 'spec: Required value: at least one issuer must be configured';
    if (chosen > 1) return 'spec: Forbidden: may not specify more than one issuer type';
    if (acme !== undefined && acme.server === '') return 'spec.acme.server: Required value: acme server URL is a required field';
    if (acme !== undefined && acme.privateKeySecretRef.name === '')
      return 'spec.acme.privateKeySecretRef.name: Required value: private key secret name is a required field';
  }
  return undefined;
}

export const certManagerStartupApiCheck: Image = {
  matches: (reference) => /(^|\/)cert-manager-(startupapicheck|ctl)[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) return 1;
    const until = Date.now() + wait(context.world, 60) * (context.world.store.pace === 'real' ? 1 : 10);
    while (!context.signal.aborted) {
      const answer = await kube.request<{ message?: string }>(
        'POST',
        `/apis/cert-manager.io/v1/namespaces/${context.env['POD_NAMESPACE'] ?? ''}/certificaterequests?dryRun=All`,
        {
          apiVersion: 'cert-manager.io/v1',
          kind: 'CertificateRequest',
          metadata: { generateName: 'cmapichecker-' },
          spec: { request: Buffer.from('cmapichecker').toString('base64'), issuerRef: { name: 'cmapichecker' } },
        },
      );
      if (answer.status < 300) {
        context.log('The cert-manager API is ready');
        return 0;
      }
      context.log(`Not ready: ${answer.body.message ?? answer.status}`);
      if (Date.now() > until) return 1;
      await sleep(wait(context.world, 5), context.signal);
    }
    return 1;
  },
};
