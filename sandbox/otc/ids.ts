/** Owns how ids and times look in the answers of the services (API reference 0.2 and the samples of its chapters). */
import { randomBytes, randomUUID } from 'node:crypto';

/** Ids of most resources. */
export const uuid = (): string => randomUUID();
/** Ids of projects, domains, users, DNS zones and record sets. */
export const hex32 = (): string => randomBytes(16).toString('hex');

/** `2026-01-01T10:00:00`: VPC v1, Neutron. */
export const plainTime = (at = new Date()): string => at.toISOString().slice(0, 19);
/** `2026-01-01T10:00:00Z`: VPC v3, ELB v3. */
export const zuluTime = (at = new Date()): string => `${plainTime(at)}Z`;
/** `2026-01-01 10:00:00`: EIP. */
export const blankTime = (at = new Date()): string => plainTime(at).replace('T', ' ');
/** `2026-01-01T10:00:00.439`: DNS. */
export const milliTime = (at = new Date()): string => at.toISOString().slice(0, 23);
/** `2026-01-01T10:00:00.000000Z`: IAM. */
export const microTime = (at = new Date()): string => `${at.toISOString().slice(0, 23)}000Z`;
