/**
 * Owns finding out from which public address this run's requests come: it asks a plain-text service, as only somebody
 * outside can tell. What is opened for that address is `runner-door.ts`'s business.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { contains, parseCidr } from '../stack/cidr.ts';

/** Gets a URL's body as text, with its status; through the proxy where the environment names one. */
export type GetText = (url: string) => Promise<{ readonly status: number; readonly body: string }>;

/** Ranges whose addresses nobody outside can come from (RFC 6890). */
const PRIVATE = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16', '224.0.0.0/3'];

const HINT =
  'Give the input address-endpoint another HTTPS service that answers with the caller’s IPv4 address, or name the network in cluster.allow.';

/**
 * This run's public IPv4 address.
 * @throws Fault where the service does not answer with one; a security group's rule for the API server takes IPv4 only
 */
export async function runnerAddress(endpoint: string, get: GetText): Promise<string> {
  let answer: Awaited<ReturnType<GetText>>;
  try {
    answer = await get(endpoint);
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    throw new Fault(`this run's public address could not be found out: ${endpoint} did not answer: ${asFault(error).message}`, {
      hint: HINT,
      cause: error,
    });
  }
  const text = answer.body.trim();
  if (answer.status !== 200)
    throw new Fault(`this run's public address could not be found out: ${endpoint} answered ${answer.status}`, { hint: HINT });
  if (isIPv6(text))
    throw new Fault(`${endpoint} says that this run comes from the IPv6 address ${text}, and the API server has IPv4 only`, { hint: HINT });
  if (!isIPv4(text)) throw new Fault(`${endpoint} did not answer with an address: "${text.slice(0, 60)}"`, { hint: HINT });
  if (PRIVATE.some((range) => admits(range, text))) {
    throw new Fault(`${endpoint} says that this run comes from ${text}, which is no public address`, { hint: HINT });
  }
  return text;
}

/** Whether a network in CIDR form contains an address; both IPv4. */
export function admits(network: string, address: string): boolean {
  const [outer, inner] = [parseCidr(network), parseCidr(`${address}/32`)];
  return typeof outer === 'object' && typeof inner === 'object' && contains(outer, inner);
}
