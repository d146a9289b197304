/**
 * Owns the image of HAProxy's Kubernetes ingress controller: control and data plane in one pod. `haproxy.org/server-proto: h2` of
 * a Service or an Ingress means HTTP/2 to the pods; TLS means a redirect (302).
 */
import type { Image } from '../image.ts';
import { clusterAuthority, makeCa } from '../pki.ts';
import { checkDefinitions } from './haproxy-definitions.ts';
import { serveHealth } from './health.ts';
import { serveProxy } from './ingress/proxy.ts';
import type { Flavour } from './ingress/routes.ts';
import { followIngresses, publishStatus } from './ingress/state.ts';
import { untilAborted } from './patience.ts';

export const haproxyFlavour: Flavour = {
  upstream: (ingress, service) =>
    [service, ingress].some((object) => object?.metadata.annotations?.['haproxy.org/server-proto'] === 'h2') ? 'h2c' : 'http/1.1',
  redirect: (ingress, hasTls) => (hasTls && ingress.metadata.annotations?.['haproxy.org/ssl-redirect'] !== 'false' ? 302 : undefined),
};

export const haproxy: Image = {
  matches: (reference) => /(^|\/)haproxytech\/kubernetes-ingress[:@]/.test(reference),
  async run(context) {
    const { kube } = context;
    if (kube === undefined) {
      context.log('unable to load in-cluster configuration');
      return 1;
    }
    if ([...context.command, ...context.args].includes('--job-check-crd')) return checkDefinitions(context, kube);
    const flag = (name: string): string | undefined => context.args.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
    const failed = (error: unknown): void => context.log(`ERROR ${(error as Error).message}`);
    const serves = (name: string | undefined): boolean => name === (flag('ingress.class') ?? 'haproxy');
    const state = followIngresses(kube, { flavour: haproxyFlavour, serves, proxies: false, failed }, context.signal);
    await state.synced;
    const [namespace = '', name = ''] = (flag('publish-service') ?? '').split('/');
    publishStatus(kube, { service: { namespace, name }, serves, failed }, context.signal);
    const authority = await clusterAuthority(await makeCa('localhost'));
    const drawn = await authority.server({ name: 'localhost', names: ['localhost'], addresses: [] });
    const [secretNamespace = '', secretName = ''] = (flag('default-ssl-certificate') ?? '').split('/');
    const fallback = state.certificate({ namespace: secretNamespace, name: secretName }) ?? { cert: drawn.certPem, key: drawn.keyPem };
    const closeProxy = await serveProxy(context, state, {
      ports: { http: Number(flag('http-bind-port') ?? 8080), https: Number(flag('https-bind-port') ?? 8443) },
      fallback,
      texts: { noRoute: 'default backend - 404', noEndpoint: '503 Service Unavailable', failed: { status: 502, text: '502 Bad Gateway' } },
    });
    const closeHealth = await serveHealth(context, 1042, ['/healthz']);
    await untilAborted(context.signal);
    await Promise.all([closeProxy(), closeHealth()]);
    return 0;
  },
};
