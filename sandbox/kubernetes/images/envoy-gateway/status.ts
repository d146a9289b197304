/**
 * Owns what Envoy Gateway writes into the status of classes, Gateways and routes: conditions with their reasons and words
 * (`internal/gatewayapi/status` of v1.9.0), addresses. Pure.
 */
import type { Service } from '../../objects.ts';
import { type Condition, controllerName, type Gateway, type GatewayClass, type HttpRoute } from './objects.ts';
import { certificateFault, type Known, missingBackends, takenBy } from './routing.ts';

type Verdict = Omit<Condition, 'observedGeneration' | 'lastTransitionTime'>;

const yes = (type: string, message: string, reason = type): Verdict => ({ type, status: 'True', reason, message });
const no = (type: string, reason: string, message: string): Verdict => ({ type, status: 'False', reason, message });

/** Conditions for a generation; one that did not change keeps its time. */
function conditions(verdicts: readonly Verdict[], generation: number | undefined, before: readonly Condition[] = []): Condition[] {
  return verdicts.map((verdict) => {
    const former = before.find(({ type, status }) => type === verdict.type && status === verdict.status);
    const lastTransitionTime = former?.lastTransitionTime ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    return { ...verdict, ...(generation === undefined ? {} : { observedGeneration: generation }), lastTransitionTime };
  });
}

export function classStatus({ metadata, status }: GatewayClass, oldest: boolean): object {
  const verdict = oldest
    ? yes('Accepted', 'Valid GatewayClass')
    : no('Accepted', 'OlderGatewayClassExists', 'Invalid GatewayClass: another older GatewayClass with the same Spec.Controller exists');
  return { conditions: conditions([verdict], metadata.generation, status?.conditions) };
}

export interface Infrastructure {
  readonly service: Service | undefined;
  readonly replicas: number;
  readonly available: number;
  /** Why its parameters cannot be used. */
  readonly fault: string | undefined;
}

export function gatewayStatus(gateway: Gateway, known: Known, { service, replicas, available, fault }: Infrastructure): object {
  const { generation } = gateway.metadata;
  const before = (gateway.status ?? {}) as {
    conditions?: readonly Condition[];
    listeners?: readonly { name: string; conditions: readonly Condition[] }[];
  };
  const addresses = (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) =>
    ip !== undefined ? [{ type: 'IPAddress', value: ip }] : hostname !== undefined ? [{ type: 'Hostname', value: hostname }] : [],
  );
  const programmed =
    addresses.length === 0
      ? no('Programmed', 'AddressNotAssigned', 'No addresses have been assigned to the Gateway')
      : available === 0
        ? no('Programmed', 'NoResources', 'Envoy replicas unavailable')
        : yes('Programmed', `Address assigned to the Gateway, ${available}/${replicas} envoy replicas available`);
  const accepted =
    fault === undefined ? yes('Accepted', 'The Gateway has been scheduled by Envoy Gateway') : no('Accepted', 'InvalidParameters', fault);
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    conditions: conditions(fault === undefined ? [accepted, programmed] : [accepted], generation, before.conditions),
    listeners: gateway.spec.listeners.map((listener) => {
      const wrong = certificateFault(gateway, listener, known.secrets);
      const verdicts =
        wrong === undefined
          ? [
              yes('Programmed', 'Sending translated listener configuration to the data plane'),
              yes('Accepted', 'Listener has been successfully translated'),
              yes('ResolvedRefs', 'Listener references have been resolved'),
            ]
          : [
              no('ResolvedRefs', 'InvalidCertificateRef', wrong),
              yes('Accepted', 'Listener has been successfully translated'),
              no('Programmed', 'Invalid', 'Listener is invalid, see other Conditions for details.'),
            ];
      return {
        name: listener.name,
        attachedRoutes: known.routes.filter((route) => takenBy(gateway, route).includes(listener)).length,
        supportedKinds: ['HTTPRoute', 'GRPCRoute'].map((kind) => ({ group: 'gateway.networking.k8s.io', kind })),
        conditions: conditions(verdicts, generation, before.listeners?.find(({ name }) => name === listener.name)?.conditions),
      };
    }),
  };
}

/** One entry for each reference to the Gateway; entries of other Gateways stay. */
export function routeStatus(route: HttpRoute, gateway: Gateway, known: Known): object {
  const { name, namespace } = gateway.metadata;
  const before = (route.status?.parents ?? []) as readonly { parentRef: { name: string }; conditions: readonly Condition[] }[];
  const missing = missingBackends(route, known.services);
  const resolved =
    missing.length === 0
      ? yes('ResolvedRefs', 'Resolved all the Object references for the Route')
      : no('ResolvedRefs', 'BackendNotFound', `Failed to process route rule 0 backendRef 0: service ${missing[0]} not found.`);
  const accepted =
    takenBy(gateway, route).length > 0
      ? yes('Accepted', 'Route is accepted')
      : no('Accepted', 'NoMatchingListenerHostname', "There were no hostname intersections between the HTTPRoute and this parent ref's Listener(s).");
  const own = (route.spec.parentRefs ?? []).filter(
    (reference) => reference.name === name && (reference.namespace ?? route.metadata.namespace) === namespace,
  );
  return {
    parents: [
      ...before.filter(({ parentRef }) => parentRef.name !== name),
      ...own.map((parentRef) => ({
        parentRef,
        controllerName,
        conditions: conditions([accepted, resolved], route.metadata.generation, before.find((one) => one.parentRef.name === name)?.conditions),
      })),
    ],
  };
}
