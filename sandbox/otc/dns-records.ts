/** Owns what a record set may hold: names, types, values, conflicts (API reference 8.2). Pure; the routes are in `dns.ts`. */
import { isIPv4, isIPv6 } from 'node:net';

export const recordTypes = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'NS', 'SRV', 'CAA', 'PTR'] as const;

/** Lower case, with the trailing dot. */
export const absolute = (name: string): string => `${name.toLowerCase().replace(/\.$/, '')}.`;

/** Labels of 1 to 63 characters, 254 in all; `*` as the first label and `_` are allowed in record names. */
export function isDomainName(name: string): boolean {
  const labels = absolute(name).slice(0, -1).split('.');
  return name.length <= 254 && labels.every((label, index) => /^(?!-)[\p{L}\p{N}_-]{1,63}(?<!-)$/u.test(label) || (index === 0 && label === '*'));
}

const quoted = /^("(?:[^"\\]|\\.){0,255}")(?:\s+"(?:[^"\\]|\\.){0,255}")*$/;

const valid: Readonly<Record<string, (value: string) => boolean>> = {
  A: (value) => isIPv4(value),
  AAAA: (value) => isIPv6(value),
  CNAME: isDomainName,
  NS: isDomainName,
  PTR: isDomainName,
  MX: (value) => /^\d{1,5} \S+$/.test(value) && isDomainName(value.split(' ')[1] ?? ''),
  SRV: (value) => /^\d{1,5} \d{1,5} \d{1,5} \S+$/.test(value),
  CAA: (value) => /^(0|128) (issue|issuewild|iodef) ".*"$/.test(value),
  TXT: (value) => quoted.test(value),
};

export interface RecordWanted {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly string[];
}

/** What is wrong with a record set of a zone: code and text; undefined where nothing is. */
export function wrongRecord(wanted: RecordWanted, zoneName: string): readonly [code: string, message: string] | undefined {
  const name = absolute(wanted.name);
  if (!isDomainName(name)) return ['DNS.0303', `The record set name ${wanted.name} is invalid.`];
  if (name !== zoneName && !name.endsWith(`.${zoneName}`)) return ['DNS.0304', `The record set name ${name} does not belong to the zone ${zoneName}`];
  if (!(recordTypes as readonly string[]).includes(wanted.type)) return ['DNS.0305', `The record set type ${wanted.type} is invalid.`];
  if (!Number.isInteger(wanted.ttl) || wanted.ttl < 1 || wanted.ttl > 2147483647) return ['DNS.0306', 'The TTL must be between 1 and 2147483647.'];
  if (wanted.records.length === 0) return ['DNS.0307', 'The record set value must not be empty.'];
  if (wanted.type === 'CNAME' && wanted.records.length > 1) return ['DNS.0308', 'A CNAME record set can have one value only.'];
  if (new Set(wanted.records).size < wanted.records.length) return ['DNS.0308', 'The record set has duplicate values.'];
  const bad = wanted.records.find((value) => valid[wanted.type]?.(value) !== true);
  return bad === undefined ? undefined : ['DNS.0308', `The value ${bad} is invalid for a record set of type ${wanted.type}.`];
}

/** A CNAME tolerates nothing beside it, and nothing tolerates a CNAME (NS and SOA at the apex included). */
export function conflict(
  wanted: { readonly name: string; readonly type: string },
  others: readonly { readonly name: string; readonly type: string }[],
): boolean {
  const name = absolute(wanted.name);
  return others.some((other) => other.name === name && other.type !== wanted.type && (other.type === 'CNAME' || wanted.type === 'CNAME'));
}
