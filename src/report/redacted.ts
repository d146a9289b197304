/**
 * Owns a report without secrets. Renderers cut long texts, and half a secret is no form that `redact()` knows: so all
 * text is redacted before anything is cut. Halves of characters, which no body may hold, are replaced here as well. Pure.
 */
import { Fault } from '../engine/fault.ts';
import { redact } from '../secret.ts';
import type { Report } from './report.ts';

/** The same report with every text in it redacted, faults included. */
export function redacted(report: Report): Report {
  return clean(report) as Report;
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return text(value);
  if (value instanceof Fault) return cleanFault(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { toJSON?: () => unknown };
  if (typeof toJSON === 'function') return clean(toJSON.call(value));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), clean(inner)]));
}

function cleanFault({ message, hint, resource, status, code, requestId, place }: Fault): Fault {
  const clean = (one: string | undefined): string | undefined => (one === undefined ? undefined : text(one));
  return new Fault(text(message), { hint: clean(hint), resource: clean(resource), status, code: clean(code), requestId: clean(requestId), place });
}

/** Redacted, and without lone surrogates: they cannot be encoded. */
function text(value: string): string {
  return redact(value).replace(/\p{Surrogate}/gu, '\ufffd');
}
