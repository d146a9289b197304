/**
 * Owns what is said where a service, program or store says success, and what it gives is not what was asked for: a proxy's sign-in page,
 * a load balancer's own words, a text cut short. Never quotes it beyond a page's title, since it may hold half a token or Secret. Pure.
 */
import { Fault } from './fault.ts';

const IN_BETWEEN =
  'A proxy, firewall or sign-in page on the way may answer in its place, or the address is another service. Ask that address from the machine of this run, then run again.';

interface Details {
  readonly hint?: string;
  readonly cause?: unknown;
}

/** @param call method and URL, or the program's name and verb; `wanted` is what should have come, such as "a token" */
export function otherAnswer(call: string, wanted: string, text: string, details: Details = {}): Fault {
  return new Fault(`${call} answers, but not with ${wanted}: ${kindOf(text)} came instead`, { hint: IN_BETWEEN, ...details });
}

/** The JSON object that an answer should be. @throws Fault as `otherAnswer` says it */
export function jsonObject(call: string, wanted: string, text: string, details: Details = {}): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Not kept as the cause: its message quotes the text.
    if (error instanceof SyntaxError) throw otherAnswer(call, wanted, text, details);
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw otherAnswer(call, wanted, text, details);
  return value;
}

function kindOf(text: string): string {
  const size = `of ${Buffer.byteLength(text)} bytes`;
  if (text.trim() === '') return 'nothing';
  if (/^\s*[[{]/.test(text)) return `broken or other JSON ${size}`;
  if (!/^\s*<(!doctype html|html|head|body)\b/i.test(text)) return `another text ${size}`;
  const title = /<title>\s*([^<]{1,80})/i.exec(text)?.[1]?.trim();
  return title === undefined ? `an HTML page ${size}` : `the HTML page "${title}"`;
}
