/**
 * Owns the image `cert-manager-webhook-opentelekomcloud` 0.1.3: an aggregated API for DNS01 challenges that writes TXT records through
 * OTC's DNS API, signed with the keys of the Secret that the issuer names. As the real one it keeps its first client until it is
 * restarted, takes the zone with the shortest name among the API's matches, trips over a record that is there already, and names no
 * project in its calls: it sees the zones of the region's own project only, never those of a sub-project.
 */
import { createServer } from 'node:https';
import { sign } from '../../otc/signature.ts';
import type { ContainerContext, Image } from '../image.ts';
import type { Secret } from '../objects.ts';
import { httpRequest } from './http-client.ts';
import { untilAborted } from './patience.ts';

interface SecretRef {
  readonly name: string;
  readonly key: string;
}

interface ChallengeRequest {
  readonly uid: string;
  readonly action: 'Present' | 'CleanUp';
  readonly key: string;
  readonly resourceNamespace: string;
  readonly resolvedFQDN: string;
  readonly resolvedZone: string;
  readonly config: { readonly region: string; readonly accessKeySecretRef: SecretRef; readonly secretKeySecretRef: SecretRef };
}

/** A client as the SDK makes it once. */
interface Client {
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export const otcSolver: Image = {
  matches: (reference) => /(^|\/)cert-manager-webhook-opentelekomcloud[:@]/.test(reference),
  async run(context) {
    const flag = (name: string): string => context.args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
    const [cert, key] = await Promise.all([context.files.read(flag('tls-cert-file')), context.files.read(flag('tls-private-key-file'))]);
    const group = context.env['GROUP_NAME'] ?? '';
    let client: Client | undefined;
    const solve = async (request: ChallengeRequest): Promise<void> => {
      client ??= await makeClient(context, request);
      await (request.action === 'Present' ? present(context, client, request) : cleanUp(context, client, request));
    };
    const server = createServer({ cert, key }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        const reply = (status: number, body: unknown): void => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
        };
        const path = new URL(request.url ?? '/', 'https://solver').pathname;
        if (path === '/healthz' || path === '/readyz' || path === '/livez') response.writeHead(200).end('ok');
        else if (path === '/apis' || path === `/apis/${group}`) reply(200, discovery(path, group));
        else if (path === `/apis/${group}/v1alpha1`) reply(200, resources(group));
        else if (path === `/apis/${group}/v1alpha1/opentelekomcloud` && request.method === 'POST') {
          const payload = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { apiVersion: string; kind: string; request: ChallengeRequest };
          const { uid } = payload.request;
          solve(payload.request).then(
            () => reply(200, { ...payload, response: { uid, success: true } }),
            (error: Error) => {
              context.log(`E ${payload.request.action} ${payload.request.resolvedFQDN}: ${error.message}`);
              reply(200, {
                ...payload,
                response: { uid, success: false, status: { status: 'Failure', message: error.message, reason: 'InternalError', code: 500 } },
              });
            },
          );
        } else reply(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 });
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(443, context.address, resolve);
    });
    await untilAborted(context.signal);
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return 0;
  },
};

function discovery(path: string, group: string): unknown {
  const versions = [{ groupVersion: `${group}/v1alpha1`, version: 'v1alpha1' }];
  const one = { name: group, versions, preferredVersion: versions[0] };
  return path === '/apis' ? { kind: 'APIGroupList', apiVersion: 'v1', groups: [one] } : { kind: 'APIGroup', apiVersion: 'v1', ...one };
}

function resources(group: string): unknown {
  const resource = {
    name: 'opentelekomcloud',
    singularName: '',
    namespaced: false,
    group: 'webhook.acme.cert-manager.io',
    version: 'v1alpha1',
    kind: 'ChallengePayload',
    verbs: ['create'],
  };
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/v1alpha1`, resources: [resource] };
}

async function makeClient(context: ContainerContext, { config, resourceNamespace }: ChallengeRequest): Promise<Client> {
  const read = async ({ name, key }: SecretRef): Promise<string> => {
    const secret = await context.kube?.get<Secret>(`/api/v1/namespaces/${resourceNamespace}/secrets/${name}`);
    if (secret === undefined) throw new Error(`failed to load access and secret keys: could not fetch secret ${name}: secrets "${name}" not found`);
    const value = secret.data?.[key];
    if (value === undefined) throw new Error(`failed to load access and secret keys: could not get key ${key} in secret ${name}`);
    return Buffer.from(value, 'base64').toString('utf8');
  };
  const client = { region: config.region, accessKey: await read(config.accessKeySecretRef), secretKey: await read(config.secretKeySecretRef) };
  try {
    await call(context, client, 'GET', `https://iam.${config.region}.otc.t-systems.com/v3/auth/catalog`);
  } catch (error) {
    throw new Error(`creating an opentelekomcloud provider client failed: ${(error as Error).message}`);
  }
  return client;
}

async function zoneOf(context: ContainerContext, client: Client, request: ChallengeRequest): Promise<{ readonly id: string; readonly base: string }> {
  const base = `https://dns.${client.region}.otc.t-systems.com/v2`;
  const { zones } = await call<{ zones: { id: string; name: string }[] }>(
    context,
    client,
    'GET',
    `${base}/zones?name=${encodeURIComponent(request.resolvedZone)}`,
  );
  const [zone] = [...zones].sort((a, b) => a.name.length - b.name.length);
  if (zone === undefined) throw new Error(`found 0 while expecting 1 for zone ${request.resolvedZone}`);
  return { id: zone.id, base };
}

async function recordOf(
  context: ContainerContext,
  client: Client,
  request: ChallengeRequest,
): Promise<{ readonly path: string; readonly id: string | undefined }> {
  const { id, base } = await zoneOf(context, client, request);
  const path = `${base}/zones/${id}/recordsets`;
  const { recordsets } = await call<{ recordsets: { id: string; records: string[] }[] }>(
    context,
    client,
    'GET',
    `${path}?type=TXT&name=${encodeURIComponent(request.resolvedFQDN)}`,
  );
  return { path, id: recordsets.find(({ records }) => records.includes(`"${request.key}"`))?.id };
}

async function present(context: ContainerContext, client: Client, request: ChallengeRequest): Promise<void> {
  const { path, id } = await recordOf(context, client, request);
  if (id !== undefined) return;
  const body = { name: request.resolvedFQDN, type: 'TXT', records: [`"${request.key}"`] };
  await call(context, client, 'POST', path, JSON.stringify(body));
}

async function cleanUp(context: ContainerContext, client: Client, request: ChallengeRequest): Promise<void> {
  const { path, id } = await recordOf(context, client, request);
  if (id !== undefined) await call(context, client, 'DELETE', `${path}/${id}`);
}

/** One signed call, in the older variant that the Go SDK sends; an error carries the service's own answer. */
async function call<T>(context: ContainerContext, client: Client, method: string, address: string, body?: string): Promise<T> {
  const url = new URL(address);
  const headers: Record<string, string> = {
    host: url.host,
    accept: 'application/json',
    'content-type': 'application/json',
    'x-sdk-date': new Date().toISOString().replace(/[-:]|\.\d+/g, ''),
  };
  const authorization = sign({ method, path: url.pathname, query: url.search.slice(1), headers, body: body ?? '' }, client, Object.keys(headers), {
    region: '',
    service: '',
  });
  const answer = await httpRequest(context, {
    url: address,
    method,
    headers: { ...headers, authorization },
    ...(body === undefined ? {} : { body }),
  });
  const text = answer.body.toString('utf8');
  if (answer.status >= 400) throw new Error(`${method} ${address}: ${answer.status}, error message: ${text}`);
  return (text === '' ? {} : JSON.parse(text)) as T;
}
