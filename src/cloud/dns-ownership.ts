/**
 * Owns the handing over of the domain's A record to external-dns, with `dns.records: external-dns`: a record that this action
 * made gets the TXT record by which the controller knows its own, after the controller and the Ingresses' annotations
 * stand, so that it finds nothing to change. A record that is not there yet is the controller's to make; here it is
 * waited for. The way back is `dns-record.ts`'s, the controller `zitadel/external-dns.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import { type AnyResource, type Change, type Maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { until } from '../engine/until.ts';
import * as dns from '../otc/dns.ts';
import { type CloudContext, createOnce } from './context.ts';
import { unprovenRecords } from './dns-former-record.ts';
import { foreign } from './dns-record.ts';
import type { DnsZone } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';
import { dnsMark, ipv6Of, madeBy, type OwnedRecord, ownerId, ownerRecordName, ownerText, recordsOf, targetsOf, untilActive } from './record-owner.ts';

export interface OwnershipSpec {
  readonly name: string;
  readonly zoneId: string;
  readonly address: string;
  readonly owner: string;
  /** Description by which the stack knows what it made itself. */
  readonly mark: string;
}

type Needs = { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource } & Readonly<Record<string, AnyResource | Maybe<AnyResource>>>;
export type DnsOwnership = Resource<Needs, OwnershipSpec, OwnedRecord>;

/** The controller looks every minute, and at each change of an Ingress. */
const SCHEDULE = { firstSeconds: 1, mostSeconds: 5, deadlineSeconds: 300, usualSeconds: 60 };

export interface OwnershipOptions {
  /** Kubernetes' name of the object that wants the record: `ingress/<namespace>/<name>`. */
  readonly resource: string;
  /** What must stand before the controller may take over: itself, and the annotations it reads. */
  readonly after: Readonly<Record<string, AnyResource | Maybe<AnyResource>>>;
  /** How a person looks at the controller's log. */
  readonly logs: string;
}

export function dnsOwnership(
  context: CloudContext,
  needs: { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource },
  options: OwnershipOptions,
): DnsOwnership {
  const { otc, stack } = context;
  const name = `${stack.domain}.`;
  const owner = ownerId(context);
  const mark = dnsMark(context);
  const wanted = stack.dns.records === 'external-dns';
  const handOver = async (zoneId: string, run: Run): Promise<void> => {
    const home = await otc.dnsHome();
    const beside = {
      name: ownerRecordName(name),
      type: 'TXT',
      ttl: stack.dns.ttl,
      records: [ownerText(owner, options.resource)],
      description: mark,
    };
    const look = async (): Promise<{ id: string } | undefined> => (await recordsOf(context, zoneId, true)).owner;
    const create = (): Promise<{ id: string }> => dns.createRecordSet(home, zoneId, beside);
    const { id } = await createOnce({ what: `TXT record ${beside.name}`, create, look, exists: ['DNS.0312'] }, run);
    await untilActive(home, zoneId, id, `TXT record ${beside.name}`, run);
    run.say(`the A record ${stack.domain} is external-dns's from now on`);
  };
  return resource<Needs, OwnershipSpec, OwnedRecord>({
    id: 'dns/ownership',
    title: `A record ${stack.domain}, kept by external-dns`,
    needs: { ...options.after, ...needs },
    wanted,
    usualSeconds: 60,
    want: ({ zone, loadBalancer }) => ({ name, zoneId: zone.id, address: loadBalancer.eipAddress, owner, mark }),
    madeWith: ({ loadBalancer }) => ({ name, records: loadBalancer?.eipAddress || `known after ${needs.loadBalancer.id}` }),
    // What a former choice left is taken back, or away, by dns/record.
    observe: async ({ zone }) => (wanted && zone !== undefined ? (await recordsOf(context, (zone as dns.Zone).id)).record : undefined),
    diff: ownershipChanges,
    unhealed: ownershipUnhealed,
    warnings: unprovenRecords,
    apply: async (spec, seen, _changes, run) => {
      const { zoneId, address } = spec;
      if (seen !== undefined && seen.owner === undefined && madeBy(seen, mark) === undefined) await handOver(zoneId, run);
      try {
        return await until(`external-dns to keep the A record ${stack.domain}`, SCHEDULE, run, async () => {
          const { record } = await recordsOf(context, zoneId, true);
          if (record === undefined) return { done: false, state: 'no record yet' };
          const left = ownershipChanges(spec, record);
          if (left.length === 0) return { done: true, value: record };
          return { done: false, state: left.map(({ field, before }) => `${field} ${String(before)}`).join(', ') };
        });
      } catch (error) {
        if (!(error instanceof Fault) || !error.message.startsWith('gave up')) throw error;
        throw new Fault(`external-dns does not lead ${stack.domain} to ${address}: ${error.message}`, {
          resource: stack.domain,
          hint: `Look at its log (${options.logs}). Its user must be allowed to write DNS records in project ${stack.dns.project}.`,
          cause: error,
        });
      }
    },
    // `dns/record` takes away the A record and its TXT record, once the controller is gone that would make them anew.
    destroy: async () => undefined,
    facts: ({ records }) => ({ address: records.join(', ') }),
  });
}

/** An AAAA record beside it, which forbids every write, except where something is left to be done about the A record. */
export function ownershipUnhealed(spec: Omit<OwnershipSpec, 'zoneId'>, seen: OwnedRecord): Fault | undefined {
  return ipv6Of(spec.name, seen)?.with({ forbids: ownershipChanges(spec, seen).length === 0 });
}

/** What is left for this action or the controller to do. @throws Fault where somebody else's record leads elsewhere */
export function ownershipChanges(spec: Omit<OwnershipSpec, 'zoneId'>, seen: OwnedRecord): Change[] {
  const changes: Change[] = [];
  const leadsTo = targetsOf(seen);
  const elsewhere = leadsTo !== spec.address;
  const ours = seen.owner?.by === spec.owner;
  const handedOver = seen.owner === undefined && madeBy(seen, spec.mark) === undefined;
  if (handedOver)
    changes.push({ field: 'owner', before: 'zitadel-on-otc', after: 'external-dns', why: 'it is handed over in place and never missing' });
  if (elsewhere && !ours && !handedOver) throw foreign(spec, seen, leadsTo);
  if (elsewhere) changes.push({ field: 'records', before: leadsTo, after: spec.address, why: 'external-dns corrects it' });
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  return changes;
}
