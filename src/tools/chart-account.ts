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

/**
 * Domains below which others have hosts of their own: a registry there signs in at its own host. Each names itself as realm in its
 * challenge: `NAME.azurecr.io/oauth2/token`, `REGION-docker.pkg.dev/v2/token`, `swr.REGION.…/swr/auth/v2/registry/auth`; ECR asks for Basic.
 */
const SHARED =
  /(^|\.)(azurecr\.(io|cn)|pkg\.dev|amazonaws\.com(\.cn)?|aliyuncs\.com|jfrog\.io|ocir\.io|scw\.cloud|otc\.t-systems\.com|myhuaweicloud\.com)$/;
/** Of those, the ones that sign in elsewhere; no customer of Alibaba Cloud has a host of this form. */
const ELSEWHERE: readonly (readonly [registry: RegExp, realm: RegExp])[] = [[/\.aliyuncs\.com$/, /^dockerauth(\.[\w-]+)?\.aliyuncs\.com$/]];
/** Second levels below which domains are registered, as in `example.co.uk`. */
const SECOND_LEVEL = /^(com?|ac|edu|gov?|mil|ne|net|nom|or|org)\.[a-z]{2}$/;

/**
 * Checks where a registry wants its account to be sent: its own host, or one of its own domain, as `auth.docker.io` of `docker.io`
 * (also `index.docker.io`) or `gitlab.com` of `registry.gitlab.com`. ghcr.io, quay.io, nvcr.io and public.ecr.aws name themselves.
 * @throws Fault that names both hosts
 */
export function refuseForeignRealm(registry: string, realm: URL): void {
  const own = new URL(`https://${registry}`).hostname;
  const { hostname } = realm;
  const domain = domainOf(own);
  if (hostname === own || (domain !== undefined && (hostname === domain || hostname.endsWith(`.${domain}`)))) return;
  if (ELSEWHERE.some(([one, other]) => one.test(own) && other.test(hostname))) return;
  throw new Fault(`the registry ${registry} wants its account to be sent to ${realm.host}, which is not of its own domain; it was not sent`, {
    hint: `Ask who runs ${registry} whether it signs in there. Where it does, mirror the charts into a registry that signs in at its own domain.`,
  });
}

/** The domain that somebody registered; undefined where others have hosts below it, and for addresses and plain names. */
function domainOf(host: string): string | undefined {
  const labels = host.split('.');
  if (labels.length < 2 || /^[\d.]+$|:/.test(host) || SHARED.test(host)) return undefined;
  const domain = labels.slice(SECOND_LEVEL.test(labels.slice(-2).join('.')) ? -3 : -2).join('.');
  return SECOND_LEVEL.test(domain) ? undefined : domain;
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
