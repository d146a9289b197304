/**
 * Owns the addresses at which the world's own parts live. Ranges that the cloud gives out (subnets, pods, EIPs) are the
 * services' business. 198.18.0.0/15 is the benchmarking range (RFC 2544): it collides with nothing a stack may use.
 */
export const places = {
  /** Every site with a true host name, TLS on port 443. */
  sites: '198.18.0.1',
  /** The recursive resolver. */
  resolver: '198.18.0.2',
  /** `CONTROL_URL`. */
  control: '198.18.0.3',
  /** The visitors' way to the API servers, for people who look around. */
  visitors: '198.18.0.4',
  /** Name servers of the cloud: ns1 and ns2.open-telekom-cloud.com. */
  ns1: '198.18.0.53',
  ns2: '198.18.0.54',
  /** Name server of every zone above the created ones. */
  parent: '198.18.0.55',
  /** The runner outside the cloud, and the way from it to the world. */
  runner: '192.0.2.10',
  runnerGateway: '192.0.2.1',
  /** An operator's console inside every VPC: the gate lets it through, so that people can look around. */
  console: '198.18.1.10',
  consoleGateway: '198.18.1.1',
} as const;

/** Resolvers that anybody may ask and that programs name by address; they answer as the world's own does. */
export const publicResolvers = ['1.1.1.1', '1.0.0.1', '8.8.8.8', '8.8.4.4', '9.9.9.9'] as const;
