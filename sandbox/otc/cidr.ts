/** Owns IPv4 arithmetic of the services: ranges, containment, overlap. What gives addresses out is `allocate.ts`. */

export interface Range {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

/** `10.0.0.0` as a number, or undefined where it is no IPv4 address. */
export function addressNumber(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const addressText = (number: number): string => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');

/** A CIDR as a range. Undefined where it is none, or where bits below the mask are set (`10.0.0.1/24`). */
export function range(text: string): Range | undefined {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  const first = addressNumber(match?.[1] ?? '');
  const prefix = Number(match?.[2] ?? Number.NaN);
  if (first === undefined || !(prefix >= 0 && prefix <= 32)) return undefined;
  const size = 2 ** (32 - prefix);
  return first % size === 0 ? { first, last: first + size - 1, prefix } : undefined;
}

export const within = (inner: Range, outer: Range): boolean => inner.first >= outer.first && inner.last <= outer.last;
export const overlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last;
export const holds = (outer: Range, address: number): boolean => address >= outer.first && address <= outer.last;
/** Neither the network's own address nor the broadcast address. */
export const holdsHost = (outer: Range, address: number): boolean => address > outer.first && address < outer.last;
