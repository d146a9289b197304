/**
 * Owns the account for a registry or repository of charts that is not open to all: where it signs in, and what is said where
 * that fails. The charts are got by this action and not by helm, so the password is in no file and no argument.
 */
import { Fault } from '../engine/fault.ts';
import type { Secret } from '../secret.ts';

export interface ChartAccount {
  /** As in `repository:` of the stack file, such as `docker.io`. */
  readonly host: string;
  readonly username: string;
  readonly password: Secret;
}

/** How the account introduces itself (RFC 7617), to its own host only. */
export function basicFor(account: ChartAccount | undefined, host: string): string | undefined {
  if (account?.host.toLowerCase() !== host.toLowerCase()) return undefined;
  return `Basic ${Buffer.from(`${account.username}:${account.password.open()}`, 'utf8').toString('base64')}`;
}

/** What is said where a host lets nobody in, or not this account. `what` is what was asked for, such as a chart with its repository. */
export function notAdmitted(what: string, account: ChartAccount | undefined, host: string, answer: string): Fault {
  if (basicFor(account, host) === undefined) {
    const unused = account === undefined ? '' : ` The account given is for ${account.host}.`;
    return new Fault(`${what} is not to be had without credentials: ${answer}`, {
      status: 401,
      hint: `Check its name: registries answer so for what does not exist, too. A private one needs chart-registry: ${host} with chart-registry-username and chart-registry-password.${unused}`,
    });
  }
  return new Fault(`${what} is not to be had as ${account?.username}: ${answer}`, {
    status: 401,
    hint: 'Check chart-registry-username and chart-registry-password, and that this account may pull the chart.',
  });
}
