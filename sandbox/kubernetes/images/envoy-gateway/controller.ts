/**
 * Owns Envoy Gateway's controller: it follows classes, Gateways, routes and what they refer to, makes Envoys and a Service for
 * each Gateway of its class, takes them away with it, and says in each status what became of it. With the rights of its own
 * service account. What things mean is `routing.ts`'s, what is made `infra.ts`'s, what is said `status.ts`'s.
 */
import { parse } from 'yaml';
import type { KubeApi } from '../../api.ts';
import type { ContainerContext } from '../../image.ts';
import type { KubeObject, Secret, Service } from '../../objects.ts';
import { serveHealth } from '../health.ts';
import type { RoutedService } from '../ingress/routes.ts';
import { elected } from '../lease.ts';
import { sleep, untilAborted, wait } from '../patience.ts';
import { appLabels, infraObjects } from './infra.ts';
import {
  controllerName,
  type EnvoyProxy,
  envoyApi,
  finalizer,
  type Gateway,
  type GatewayClass,
  gatewayApi,
  type HttpRoute,
  infraName,
  keyOf,
  owningLabels,
} from './objects.ts';
import { certificateFault, type Known, namedBy } from './routing.ts';
import { classStatus, gatewayStatus, type Infrastructure, routeStatus } from './status.ts';
import { listenXds } from './xds.ts';

interface Deployment extends KubeObject {
  readonly status?: { readonly replicas?: number; readonly availableReplicas?: number };
}

export async function serveController(context: ContainerContext, kube: KubeApi): Promise<number> {
  const config = parse((await context.files.read('/config/envoy-gateway.yaml')).toString('utf8')) as {
    provider?: { kubernetes?: { shutdownManager?: { image?: string } } };
  };
  await context.files.read('/certs/tls.crt');
  const namespace = context.env['ENVOY_GATEWAY_NAMESPACE'] ?? context.pod.metadata.namespace ?? '';
  const shutdownImage = config.provider?.kubernetes?.shutdownManager?.image ?? 'docker.io/envoyproxy/gateway:v1.9.0';
  const controller = new Controller(context, kube, namespace, shutdownImage);
  const closing = [await listenXds(context, 18_000), await serveHealth(context, 8081, ['/healthz', '/readyz'])];
  // LeaderElectionID of internal/provider/kubernetes in v1.9.
  if (await elected(context, kube, { namespace, name: '5b9825d2.gateway.envoyproxy.io' })) controller.start();
  context.log('INFO gateway-api started runner');
  await untilAborted(context.signal);
  await Promise.all([controller.idle(), ...closing.map((close) => close())]);
  return 0;
}

class Controller {
  readonly #context: ContainerContext;
  readonly #kube: KubeApi;
  readonly #namespace: string;
  readonly #shutdownImage: string;
  readonly #classes = new Map<string, GatewayClass>();
  readonly #gateways = new Map<string, Gateway>();
  readonly #routes = new Map<string, HttpRoute>();
  readonly #proxies = new Map<string, EnvoyProxy>();
  readonly #services = new Map<string, RoutedService & Service>();
  readonly #secrets = new Map<string, Secret>();
  readonly #deployments = new Map<string, Deployment>();
  /** What was applied last, by path: applied again when it is to be another, or was touched. */
  readonly #applied = new Map<string, string>();
  #missing = 0;
  #dirty = false;
  #work: Promise<void> | undefined;

  constructor(context: ContainerContext, kube: KubeApi, namespace: string, shutdownImage: string) {
    this.#context = context;
    this.#kube = kube;
    this.#namespace = namespace;
    this.#shutdownImage = shutdownImage;
  }

  start(): void {
    this.#follow(`${gatewayApi}/gatewayclasses`, this.#classes);
    this.#follow(`${gatewayApi}/gateways`, this.#gateways);
    this.#follow(`${gatewayApi}/httproutes`, this.#routes);
    this.#follow(`${envoyApi}/envoyproxies`, this.#proxies);
    this.#follow('/api/v1/services', this.#services);
    this.#follow('/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls', this.#secrets);
    this.#follow(`/apis/apps/v1/namespaces/${this.#namespace}/deployments`, this.#deployments);
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  #follow<T extends KubeObject>(path: string, into: Map<string, T>): void {
    const failed = (error: unknown): void => this.#context.log(`ERROR ${(error as Error).message}`);
    this.#missing += 1;
    this.#kube.follow<T>(
      path,
      {
        changed: (object) => {
          into.set(keyOf(object), object);
          this.#reconcileSoon();
        },
        removed: (object) => {
          into.delete(keyOf(object));
          this.#reconcileSoon();
        },
        synced: () => {
          this.#missing -= 1;
          this.#reconcileSoon();
        },
        failed,
      },
      this.#context.signal,
    );
  }

  #reconcileSoon(): void {
    this.#dirty = true;
    // Half a picture would take away what is not read yet.
    if (this.#missing === 0) this.#work ??= this.#reconcileAll();
  }

  async #reconcileAll(): Promise<void> {
    const { signal, world } = this.#context;
    while (this.#dirty && !signal.aborted) {
      this.#dirty = false;
      try {
        await this.#reconcile();
      } catch (error) {
        if (signal.aborted) break;
        this.#context.log(`ERROR failed to reconcile: ${(error as Error).message}`);
        this.#dirty = true;
        await sleep(wait(world, 2), signal);
      }
    }
    this.#work = undefined;
  }

  async #reconcile(): Promise<void> {
    const age = ({ metadata }: KubeObject): string => `${metadata.creationTimestamp} ${metadata.name}`;
    const own = [...this.#classes.values()].filter(({ spec }) => spec.controllerName === controllerName).sort((a, b) => age(a).localeCompare(age(b)));
    const [gatewayClass] = own;
    for (const one of own) await this.#say(`${gatewayApi}/gatewayclasses/${one.metadata.name}`, one, classStatus(one, one === gatewayClass));
    const gateways = [...this.#gateways.values()].filter(
      ({ spec, metadata }) => spec.gatewayClassName === gatewayClass?.metadata.name && metadata.deletionTimestamp === undefined,
    );
    if (gatewayClass !== undefined) {
      await this.#hold(gatewayClass, gateways.length > 0);
      for (const gateway of gateways) await this.#serve(gatewayClass, gateway);
    }
    await this.#sweep(gateways);
  }

  async #serve(gatewayClass: GatewayClass, gateway: Gateway): Promise<void> {
    const known: Known = { services: this.#services, secrets: this.#secrets, routes: [...this.#routes.values()] };
    const { namespace, name } = gateway.metadata;
    const reference = gateway.spec.infrastructure?.parametersRef;
    const proxy = reference === undefined ? undefined : this.#proxies.get(`${namespace}/${reference.name}`);
    const fault =
      reference === undefined || (reference.kind === 'EnvoyProxy' && proxy !== undefined)
        ? undefined
        : `Failed to find ${reference.kind} ${namespace}/${reference.name} of the Gateway's infrastructure.parametersRef`;
    const listeners = gateway.spec.listeners.filter((listener) => certificateFault(gateway, listener, this.#secrets) === undefined);
    // Without a port there is no Service, and without parameters nothing at all.
    if (fault === undefined && listeners.length > 0) {
      const objects = infraObjects({ namespace: this.#namespace, gatewayClass, gateway, proxy, listeners, shutdownImage: this.#shutdownImage });
      for (const [path, object] of objects) await this.#apply(path, object);
    }
    const infra = infraName(keyOf(gateway));
    const serviceName = proxy?.spec?.provider?.kubernetes?.envoyService?.name ?? infra;
    const status = this.#deployments.get(`${this.#namespace}/${infra}`)?.status;
    const infrastructure: Infrastructure = {
      service: this.#services.get(`${this.#namespace}/${serviceName}`),
      replicas: status?.replicas ?? 0,
      available: status?.availableReplicas ?? 0,
      fault,
    };
    await this.#say(`${gatewayApi}/namespaces/${namespace}/gateways/${name}`, gateway, gatewayStatus(gateway, known, infrastructure));
    for (const route of namedBy(gateway, known.routes))
      await this.#say(
        `${gatewayApi}/namespaces/${route.metadata.namespace}/httproutes/${route.metadata.name}`,
        route,
        routeStatus(route, gateway, known),
      );
  }

  /** A class with Gateways cannot go before them. */
  async #hold({ metadata }: GatewayClass, used: boolean): Promise<void> {
    const held = metadata.finalizers?.includes(finalizer) ?? false;
    if (held === used || (used && metadata.deletionTimestamp !== undefined)) return;
    const finalizers = [...(metadata.finalizers ?? []).filter((one) => one !== finalizer), ...(used ? [finalizer] : [])];
    await this.#kube.send('PATCH', `${gatewayApi}/gatewayclasses/${metadata.name}`, { metadata: { finalizers } });
  }

  async #apply(path: string, object: KubeObject): Promise<void> {
    const there = path.includes('/services/')
      ? this.#services.get(keyOf(object))
      : path.includes('/deployments/')
        ? this.#deployments.get(keyOf(object))
        : object;
    const wanted = JSON.stringify(object);
    if (there !== undefined && this.#applied.get(path) === wanted) return;
    await this.#kube.send('PATCH', `${path}?fieldManager=envoy-gateway&force=true`, object, 'application/apply-patch+yaml');
    this.#applied.set(path, wanted);
  }

  /** Takes away what was made for Gateways that are gone. */
  async #sweep(gateways: readonly Gateway[]): Promise<void> {
    const wanted = new Set(gateways.map((gateway) => JSON.stringify(owningLabels(gateway))));
    const owner = ({ metadata }: KubeObject): Record<string, string> =>
      Object.fromEntries(
        Object.entries(metadata.labels ?? {}).filter(([label]) => /^gateway\.envoyproxy\.io\/owning-gateway-name(space)?$/.test(label)),
      );
    for (const [kind, path] of [
      ['services', '/api/v1'],
      ['deployments', '/apis/apps/v1'],
      ['poddisruptionbudgets', '/apis/policy/v1'],
      ['configmaps', '/api/v1'],
      ['serviceaccounts', '/api/v1'],
    ] as const) {
      const folder = `${path}/namespaces/${this.#namespace}/${kind}`;
      const selector = encodeURIComponent(
        Object.entries(appLabels)
          .map(([label, value]) => `${label}=${value}`)
          .join(','),
      );
      const items = (await this.#kube.get<{ items: KubeObject[] }>(`${folder}?labelSelector=${selector}`))?.items ?? [];
      for (const item of items) {
        const labels = owner(item);
        const key = JSON.stringify({
          'gateway.envoyproxy.io/owning-gateway-name': labels['gateway.envoyproxy.io/owning-gateway-name'],
          'gateway.envoyproxy.io/owning-gateway-namespace': labels['gateway.envoyproxy.io/owning-gateway-namespace'],
        });
        if (wanted.has(key) || item.metadata.deletionTimestamp !== undefined) continue;
        this.#applied.delete(`${folder}/${item.metadata.name}`);
        await this.#kube.request('DELETE', `${folder}/${item.metadata.name}`);
      }
    }
  }

  /** Writes a status where it says something new. */
  async #say(path: string, object: KubeObject & { readonly status?: object }, status: object): Promise<void> {
    if (sorted(status) === sorted(object.status ?? {})) return;
    const answer = await this.#kube.request('PUT', `${path}/status`, { ...object, status });
    // Somebody changed it meanwhile, or it is gone: the watch tells.
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409)
      throw new Error(`status of ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

/** JSON in one order of keys. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
