/**
 * Owns the image of Contour (`projectcontour/contour`: certgen, bootstrap, the controller, the shutdown manager) and what Envoy
 * does under it, which serves what the controller computes. Protocol to the pods, redirects and listeners as Contour
 * 1.33 decides them (`appProtocol` of the service's port first, then its `upstream-protocol` annotations).
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { done, notFound } from '../exec.ts';
import type { ContainerContext, Image } from '../image.ts';
import { contourCertgen } from './certgen.ts';
import { serveHealth } from './health.ts';
import { serveProxy } from './ingress/proxy.ts';
import type { Flavour, Upstream } from './ingress/routes.ts';
import { followIngresses, publishStatus } from './ingress/state.ts';
import { elected } from './lease.ts';
import { sleep, untilAborted, wait } from './patience.ts';

const prefix = 'projectcontour.io/upstream-protocol.';

export const contourFlavour: Flavour = {
  upstream(_, service, port) {
    const found = service?.spec.ports?.find((candidate) => candidate.port === port || candidate.name === port);
    if (found?.appProtocol !== undefined)
      return ({ 'kubernetes.io/h2c': 'h2c', https: 'tls' } as Record<string, Upstream>)[found.appProtocol] ?? 'http/1.1';
    const annotations = service?.metadata.annotations ?? {};
    const named = (protocol: string): boolean =>
      (annotations[prefix + protocol] ?? '')
        .split(',')
        .some((item) => item.trim() !== '' && [String(port), String(found?.port), found?.name].includes(item.trim()));
    if (named('h2c')) return 'h2c';
    return named('tls') || named('h2') ? 'tls' : 'http/1.1';
  },
  redirect: (ingress, hasTls) => (hasTls && ingress.metadata.annotations?.['ingress.kubernetes.io/force-ssl-redirect'] === 'true' ? 301 : undefined),
};

const flag = (words: readonly string[], name: string): string | undefined =>
  words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);

export const contour: Image = {
  matches: (reference) => /(^|\/)(projectcontour|bitnami)\/contour[:@]/.test(reference),
  async run(context) {
    const words = [...context.command, ...context.args].filter((word) => word !== 'contour');
    if (words[0] === 'serve') return serve(context, words);
    if (words[0] === 'bootstrap') {
      for (const option of ['envoy-cafile', 'envoy-cert-file', 'envoy-key-file']) await context.files.read(flag(words, option) ?? '');
      const xds = { address: flag(words, 'xds-address') ?? 'contour', port: Number(flag(words, 'xds-port') ?? 8001) };
      await context.files.write(words[1] ?? '/config/envoy.json', JSON.stringify({ xds }));
      return 0;
    }
    if (words[0] === 'envoy' && words[1] === 'shutdown-manager') return shutdownManager(context, words);
    if (words[0] === 'certgen' && context.kube !== undefined) return contourCertgen({ ...context, args: words }, context.kube);
    context.log(`contour: error: expected command but got "${words[0] ?? ''}"`);
    return 1;
  },
  async exec(context, command) {
    const line = command.join(' ');
    // The probes of the chart's certgen Job.
    if (line === 'pgrep contour') return { exitCode: 0, stdout: '1\n', stderr: '' };
    if (line !== 'contour envoy shutdown') return notFound(command);
    // The real one first waits until Envoy's connections are closed; here Envoy cuts them when it ends.
    await context.files.write(drained, '');
    return done;
  },
};

/** Written by `contour envoy shutdown`, the preStop hook of the shutdown manager; Envoy's own hook, `/shutdown`, waits for it. */
const drained = '/admin/ok';

async function shutdownManager(context: ContainerContext, words: readonly string[]): Promise<number> {
  const server = createHttpServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0];
    while (path === '/shutdown' && !context.signal.aborted && !(await context.files.exists(drained))) await sleep(100, context.signal);
    response.writeHead(path === '/healthz' || path === '/shutdown' ? 200 : 404, { connection: 'close' }).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(flag(words, 'serve-port') ?? 8090), context.address, resolve);
  });
  await untilAborted(context.signal);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return 0;
}

async function serve(context: ContainerContext, words: readonly string[]): Promise<number> {
  const { kube } = context;
  if (kube === undefined) {
    context.log('level=fatal msg="failed to initialize Kubernetes client"');
    return 1;
  }
  const failed = (error: unknown): void => context.log(`level=error msg="${(error as Error).message}"`);
  const service = {
    namespace: flag(words, 'envoy-service-namespace') ?? context.pod.metadata.namespace ?? '',
    name: flag(words, 'envoy-service-name') ?? 'envoy',
  };
  const xds = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    xds.once('error', reject);
    xds.listen(Number(flag(words, 'xds-port') ?? 8001), context.address, resolve);
  });
  const close = await serveHealth(context, Number(flag(words, 'http-port') ?? 8000), ['/healthz', '/health']);
  context.log('level=info msg="started xDS server"');
  const lease = {
    namespace: flag(words, 'leader-election-resource-namespace') ?? context.env['CONTOUR_NAMESPACE'] ?? 'projectcontour',
    name: flag(words, 'leader-election-resource-name') ?? 'leader-elect',
  };
  // Each replica serves Envoy, one writes into the status.
  if (await elected(context, kube, lease))
    publishStatus(kube, { service, serves: serves(flag(words, 'ingress-class-name')), failed }, context.signal);
  await untilAborted(context.signal);
  await Promise.all([close(), new Promise<void>((resolve) => xds.close(() => resolve()))]);
  return 0;
}

/** Without a name Contour serves its own class and objects that name none. */
function serves(name: string | undefined): (className: string | undefined) => boolean {
  return (className) => (name === undefined ? className === undefined || className === 'contour' : name.split(',').includes(className ?? ''));
}

/** Envoy as Contour runs it: bootstrapped by a file. */
export async function contourEnvoy(context: ContainerContext): Promise<number> {
  const words = [...context.command, ...context.args];
  const config = JSON.parse((await context.files.read(words[words.indexOf('-c') + 1] ?? '')).toString('utf8')) as {
    xds: { address: string; port: number };
  };
  const controller = await configuredBy(context, config.xds);
  if (controller === undefined) return 0;
  const failed = (error: unknown): void => context.log(`[warning] ${(error as Error).message}`);
  // Envoy itself has no rights in the API: what it serves is what Contour read with its own.
  const state = followIngresses(
    context.cluster.kube,
    { flavour: contourFlavour, serves: serves(controller.className), proxies: true, failed },
    context.signal,
  );
  await state.synced;
  const closeProxy = await serveProxy(context, state, {
    ports: { http: 8080, https: 8443 },
    fallback: undefined,
    texts: {
      noRoute: '',
      noEndpoint: 'no healthy upstream',
      failed: { status: 503, text: 'upstream connect error or disconnect/reset before headers' },
    },
  });
  const closeHealth = await serveHealth(context, 8002, ['/ready', '/stats']);
  context.log('[info] all dependencies initialized. starting workers');
  await untilAborted(context.signal);
  await Promise.all([closeProxy(), closeHealth()]);
  return 0;
}

/** Waits for the controller's xDS port; Envoy is not ready before. */
async function configuredBy(
  context: ContainerContext,
  xds: { readonly address: string; readonly port: number },
): Promise<{ readonly className: string | undefined } | undefined> {
  while (!context.signal.aborted) {
    try {
      (await context.connect({ host: xds.address, port: xds.port, timeoutMs: 3000 })).destroy();
      return { className: await classOf(context, xds.address) };
    } catch (error) {
      context.log(`[warning] StreamAggregatedResources gRPC config stream to contour closed: ${(error as Error).message}`);
      await sleep(wait(context.world, 2), context.signal);
    }
  }
  return undefined;
}

/** The class that the controller behind the xDS service was started for. */
async function classOf(context: ContainerContext, service: string): Promise<string | undefined> {
  const namespace = context.pod.metadata.namespace ?? '';
  const found = await context.cluster.kube.get<{ spec: { selector?: Record<string, string> } }>(
    `/api/v1/namespaces/${namespace}/services/${service}`,
  );
  const selector = Object.entries(found?.spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector.join(','))}`;
  const pods = await context.cluster.kube.get<{ items: { spec: { containers: { args?: string[] }[] } }[] }>(path);
  return flag(pods?.items[0]?.spec.containers.flatMap(({ args = [] }) => args) ?? [], 'ingress-class-name');
}
