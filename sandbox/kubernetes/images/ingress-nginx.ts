/**
 * Owns the image of ingress-nginx's controller: one pod is control and data plane. `backend-protocol: GRPC` of an Ingress means
 * HTTP/2 to the pods for all of its paths; TLS means a redirect; without the Secret its own fake certificate is served.
 */
import { createServer } from 'node:https';
import { done, notFound } from '../exec.ts';
import type { ContainerContext, Image } from '../image.ts';
import { clusterAuthority, makeCa } from '../pki.ts';
import { serveHealth } from './health.ts';
import { serveProxy } from './ingress/proxy.ts';
import type { Flavour } from './ingress/routes.ts';
import { followIngresses, publishStatus } from './ingress/state.ts';
import { elected } from './lease.ts';
import { untilAborted } from './patience.ts';

const annotation = 'nginx.ingress.kubernetes.io/';

export const nginxFlavour: Flavour = {
  upstream(ingress) {
    const protocol = (ingress.metadata.annotations?.[`${annotation}backend-protocol`] ?? 'HTTP').toUpperCase();
    if (protocol === 'GRPC') return 'h2c';
    return protocol === 'HTTPS' || protocol === 'GRPCS' ? 'tls' : 'http/1.1';
  },
  redirect(ingress, hasTls) {
    const asked = ingress.metadata.annotations ?? {};
    if (asked[`${annotation}force-ssl-redirect`] === 'true') return 308;
    return hasTls && asked[`${annotation}ssl-redirect`] !== 'false' ? 308 : undefined;
  },
};

const page = (title: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`;

export const ingressNginx: Image = {
  matches: (reference) => /(^|\/)ingress-nginx\/controller[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) {
      context.log('Error while initiating a connection to the Kubernetes API server');
      return 255;
    }
    const flag = (name: string): string | undefined => context.args.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    const failed = (error: unknown): void => context.log(`E ${(error as Error).message}`);
    const controller = flag('controller-class') ?? 'k8s.io/ingress-nginx';
    const classes = await kube.get<{ items: { metadata: { name: string }; spec: { controller?: string } }[] }>(
      '/apis/networking.k8s.io/v1/ingressclasses',
    );
    const mine = (classes?.items ?? []).filter(({ spec }) => spec.controller === controller).map(({ metadata }) => metadata.name);
    const serves = (name: string | undefined): boolean => name !== undefined && [...mine, flag('ingress-class') ?? 'nginx'].includes(name);
    const state = followIngresses(kube, { flavour: nginxFlavour, serves, proxies: false, failed }, context.signal);
    await state.synced;
    const [namespace = '', name = ''] = (flag('publish-service') ?? '').split('/');
    const authority = await clusterAuthority(await makeCa('Acme Co'));
    const fake = await authority.server({ name: 'Kubernetes Ingress Controller Fake Certificate', names: ['ingress.local'], addresses: [] });
    const closing = [
      await serveProxy(context, state, {
        ports: { http: 80, https: 443 },
        fallback: { cert: fake.certPem, key: fake.keyPem },
        texts: {
          noRoute: page('404 Not Found'),
          noEndpoint: page('503 Service Temporarily Unavailable'),
          failed: { status: 502, text: page('502 Bad Gateway') },
        },
      }),
      await serveHealth(context, 10254, ['/healthz', '/metrics']),
    ];
    if (flag('validating-webhook') !== undefined) closing.push(await admission(context, flag));
    const lease = { namespace: context.env['POD_NAMESPACE'] ?? '', name: flag('election-id') ?? 'ingress-controller-leader' };
    if (await elected(context, kube, lease)) publishStatus(kube, { service: { namespace, name }, serves, failed }, context.signal);
    await untilAborted(context.signal);
    await Promise.all(closing.map((close) => close()));
    return 0;
  },
  // The chart's preStop hook; it waits for nginx to let go of its connections, which here are cut.
  exec: async (_, command) => (command[0] === '/wait-shutdown' ? done : notFound(command)),
};

/** The admission webhook: lets every Ingress pass; that it answers at all, under the right certificate, is what installs need. */
async function admission(context: ContainerContext, flag: (name: string) => string | undefined): Promise<() => Promise<void>> {
  const [cert, key] = await Promise.all(['certificate', 'key'].map((part) => context.files.read(flag(`validating-webhook-${part}`) ?? '')));
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { apiVersion: string; kind: string; request: { uid: string } };
      const { apiVersion, kind, request: asked } = review;
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, allowed: true } }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number((flag('validating-webhook') ?? ':8443').split(':').pop()), context.address, resolve);
  });
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}
