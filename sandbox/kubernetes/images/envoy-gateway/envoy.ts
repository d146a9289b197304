/**
 * Owns Envoy as Envoy Gateway runs it: ready once the controller answered, it serves what its Gateway and the routes say on the
 * ports of the listeners. It reads them with the cluster's rights, where the real one is told by the controller.
 */
import type { ContainerContext } from '../../image.ts';
import type { KubeObject, Secret } from '../../objects.ts';
import { serveHealth } from '../health.ts';
import { serveProxy } from '../ingress/proxy.ts';
import type { RoutedService } from '../ingress/routes.ts';
import { type IngressState, pairOf } from '../ingress/state.ts';
import { sleep, untilAborted, wait } from '../patience.ts';
import { containerPort, type Gateway, gatewayApi, type HttpRoute, keyOf } from './objects.ts';
import { gatewayTable } from './routing.ts';

const flag = (words: readonly string[], name: string): string => words[words.indexOf(`--${name}`) + 1] ?? '';

export async function gatewayEnvoy(context: ContainerContext): Promise<number> {
  const words = [...context.command, ...context.args];
  const bootstrap = JSON.parse(flag(words, 'config-yaml')) as { static_resources: { clusters: { address: string; port: number }[] } };
  await context.files.read('/certs/tls.crt');
  const [xds] = bootstrap.static_resources.clusters;
  if (xds === undefined || !(await answered(context, xds))) return 0;
  const state = followGateway(context, flag(words, 'service-cluster'));
  await state.synced;
  const closing = [
    await serveProxy(context, state, {
      ports: { http: containerPort(80), https: containerPort(443) },
      fallback: undefined,
      texts: {
        noRoute: '',
        noEndpoint: 'no healthy upstream',
        failed: { status: 503, text: 'upstream connect error or disconnect/reset before headers' },
      },
    }),
    await serveHealth(context, 19_003, ['/ready']),
    await serveHealth(context, 19_001, ['/stats/prometheus']),
  ];
  await untilAborted(context.signal);
  await Promise.all(closing.map((close) => close()));
  return 0;
}

/** Waits for the controller; false where the container ends before. */
async function answered(context: ContainerContext, xds: { readonly address: string; readonly port: number }): Promise<boolean> {
  while (!context.signal.aborted) {
    try {
      (await context.connect({ host: xds.address.replace(/\.$/, ''), port: xds.port, timeoutMs: 3000 })).destroy();
      return true;
    } catch (error) {
      context.log(`[warning] DeltaAggregatedResources gRPC config stream to xds_cluster closed: ${(error as Error).message}`);
      await sleep(wait(context.world, 2), context.signal);
    }
  }
  return false;
}

function followGateway(context: ContainerContext, name: string): IngressState {
  const gateways = new Map<string, Gateway>();
  const routes = new Map<string, HttpRoute>();
  const services = new Map<string, RoutedService>();
  const secrets = new Map<string, Secret>();
  const listeners: (() => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const follow = <T extends KubeObject>(path: string, into: Map<string, T>): Promise<void> =>
    new Promise((resolve) => {
      context.cluster.kube.follow<T>(
        path,
        {
          changed: (object) => {
            into.set(keyOf(object), object);
            tell();
          },
          removed: (object) => {
            into.delete(keyOf(object));
            tell();
          },
          synced: resolve,
          failed: (error) => context.log(`[warning] ${(error as Error).message}`),
        },
        context.signal,
      );
    });
  const lists = [
    follow(`${gatewayApi}/gateways`, gateways),
    follow(`${gatewayApi}/httproutes`, routes),
    follow('/api/v1/services', services),
    follow('/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls', secrets),
  ];
  return {
    table() {
      const gateway = gateways.get(name);
      return gateway === undefined
        ? { routes: [], certificates: new Map() }
        : gatewayTable(gateway, { services, secrets, routes: [...routes.values()] });
    },
    certificate: (secret) => pairOf(secrets.get(`${secret.namespace}/${secret.name}`)),
    onChange: (listener) => listeners.push(listener),
    synced: Promise.all(lists).then(() => undefined),
  };
}
