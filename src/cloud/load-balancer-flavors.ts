/**
 * Owns which flavor of the load balancer has which id. The cloud tells ids only; the list with the names is spared where
 * the load balancer's description, written when it was made or changed, names them.
 */
import { Fault } from '../engine/fault.ts';
import type { Otc } from '../otc/client.ts';
import * as elb from '../otc/elb.ts';

export type NamedFlavor = Pick<elb.Flavor, 'id' | 'name'>;

/** ELB API reference v3, "Creating a Load Balancer". */
const LONGEST_DESCRIPTION = 255;

/** `; L4_flavor.elb.s1.small=1a2b3c4d, L7_flavor.elb.s1.small=5e6f7a8b`, with the first eight digits of each id. */
const TOLD = /; ([^\s=,]+=[0-9a-f]{8}(?:, [^\s=,]+=[0-9a-f]{8})*)$/;

/** The text, followed by the flavors where that is not too long; flavors that it told of before give way. */
export function tellingFlavors(text: string, flavors: readonly NamedFlavor[]): string {
  const plain = text.replace(TOLD, '');
  const all = `${plain}; ${flavors.map(({ id, name }) => `${name}=${id.slice(0, 8)}`).join(', ')}`;
  return flavors.length === 0 || all.length > LONGEST_DESCRIPTION ? plain : all;
}

/** The name that a description gives to a flavor's id; undefined where it does not tell of this one. */
export function toldFlavor(description: string | null | undefined, id: string): string | undefined {
  const told = TOLD.exec(description ?? '')?.[1]?.split(', ') ?? [];
  const suffix = `=${id.slice(0, 8)}`;
  return told.find((one) => one.endsWith(suffix))?.slice(0, -suffix.length);
}

export interface FlavorNames {
  /** Undefined where there is no such flavor, or the region does not list it any more. */
  readonly l4Flavor: string | undefined;
  readonly l7Flavor: string | undefined;
}

/** The names of a load balancer's flavors; asks for the list only where its description does not tell of one. */
export async function flavorNames(otc: Otc, found: elb.LoadBalancer): Promise<FlavorNames> {
  const told = (id: string): string | undefined => toldFlavor(found.description, id);
  const ids = [found.l4_flavor_id, found.l7_flavor_id];
  const listed = ids.every((id) => !id || told(id) !== undefined) ? [] : await elb.listFlavors(otc);
  const [l4Flavor, l7Flavor] = ids.map((id) => (id ? (listed.find((one) => one.id === id)?.name ?? told(id)) : undefined));
  return { l4Flavor, l7Flavor };
}

/** The flavor on offer by its name or id. @throws Fault where it is unknown or sold out, with those that are on offer */
export async function flavorOnOffer(otc: Otc, type: 'L4' | 'L7', name: string): Promise<NamedFlavor> {
  const flavors = await elb.listFlavors(otc);
  const found = flavors.find((flavor) => (flavor.name === name || flavor.id === name) && flavor.type.startsWith(type));
  if (found !== undefined && !found.flavor_sold_out) return found;
  const offered = flavors.filter((flavor) => flavor.type === type && !flavor.flavor_sold_out).map((flavor) => flavor.name);
  throw new Fault(`load balancer flavor ${name} is ${found === undefined ? 'unknown' : 'sold out'}`, {
    resource: name,
    hint: `On offer: ${offered.join(', ')}.`,
  });
}
