/**
 * Owns what a service's error answer means to a reader: every body shape of OTC's services becomes one `ServiceFault`
 * with status, code, request id and, where the cause is known, what to do. Whether to repeat is `retry.ts`'s business.
 */
import { Fault, type FaultDetails } from '../engine/fault.ts';
import { hintForProxy } from '../engine/proxy.ts';
import { type Service, serviceNames } from './endpoints.ts';
import type { TransportFailure } from './transport.ts';

/** A service refused, or its answer did not arrive. */
export class ServiceFault extends Fault {
  readonly service: Service;
  /** True where the request may have taken effect although no usable answer came: look before repeating it. */
  readonly unclear: boolean;

  constructor(message: string, service: Service, unclear: boolean, details: FaultDetails) {
    super(message, details);
    this.service = service;
    this.unclear = unclear;
  }
}

/** True for trouble of a service, throttling, and what could not be reached: nothing was said about what was asked. */
export function isTrouble({ status, code }: Fault): boolean {
  return status === undefined ? code !== undefined : status === 429 || status >= 500;
}

export interface ErrorText {
  readonly code: string | undefined;
  readonly message: string | undefined;
  readonly requestId: string | undefined;
}

type Body = Readonly<Record<string, unknown>>;

/** Code, message and request id of an error body in any of the services' shapes; all undefined for HTML and the like. */
export function errorText(body: unknown): ErrorText {
  if (!isObject(body)) return { code: undefined, message: undefined, requestId: undefined };
  const nested = [body['NeutronError'], body['error'], ...Object.values(body)].find(isObject);
  const pick = (...names: string[]): string | undefined => {
    for (const source of [body, nested]) {
      for (const name of names) {
        const value = source?.[name];
        if ((typeof value === 'string' && value !== '') || typeof value === 'number') return String(value);
      }
    }
    return undefined;
  };
  const said = pick('error_msg', 'errorMessage', 'externalMessage', 'message');
  // CCE says the class of an error there ("Forbidden.", "Invalid request.") and what is the matter in `message`.
  const more = typeof body['message'] === 'string' && said?.includes(body['message']) === false ? body['message'] : '';
  return {
    code: pick('error_code', 'errorCode', 'errCode', 'code', 'type'),
    message: more === '' ? said : `${said} ${more}`,
    requestId: pick('request_id'),
  };
}

/** The request id of an answer: the gateway's header first, then those of the services behind it, then the body's. */
export function requestIdOf(headers: Readonly<Record<string, string>>, body: unknown): string | undefined {
  return (
    headers['x-request-id'] ??
    headers['x-openstack-request-id'] ??
    headers['x-compute-request-id'] ??
    headers['x-obs-request-id'] ??
    errorText(body).requestId
  );
}

/** Roles that a user needs for writing to a service (IAM user guide, "Permissions"). */
const ROLES: Readonly<Record<Service, string>> = {
  iam: 'Security Administrator (on the domain)',
  vpc: 'VPC Administrator',
  nat: 'NAT Gateway Administrator',
  rds: 'RDS Administrator',
  cce: 'CCE Administrator',
  elb: 'ELB Administrator',
  dns: 'DNS Administrator',
  ecs: 'Server Administrator',
  evs: 'Server Administrator',
  ims: 'IMS Administrator',
};

/**
 * CCE has one code for all it does not allow, a missing permission as well as an order at the wrong time, and refers to the message
 * (CCE API reference, error codes: "Rectify the fault based on the returned message").
 */
export const CCE_FORBIDDEN = /^CCE\.0[123]403001$/;
/** A phase of a cluster or node pool in which it is worked on (CCE API reference, `status.phase`), or the words for that. */
export const CCE_AT_WORK =
  /\b(Creating|Deleting|ScalingUp|ScalingDown|Upgrading|Resizing|RollingBack|Hibernat(ion|ing)|Awaking|Synchroniz(ing|ed))\b|being (created|deleted|upgraded|resized|scaled)|not allowed now|\bbusy\b/i;
/** Words of a refusal that names no permission. */
const CCE_NOT_DENIED = /^(?!.*(polic|permission|authori[sz]))/i;

/** Whether CCE forbids without saying why ("Forbidden."): whether it is at work on the cluster is then told by the cluster's phase alone. */
export function forbidsWithoutWhy({ status, code, message }: Fault): boolean {
  return status === 403 && CCE_FORBIDDEN.test(code ?? '') && CCE_NOT_DENIED.test(message);
}

/** Words of a refusal to delete what a person has protected: no time ends that. */
export const PROTECTED = /deletion ?protection/i;

interface Hint {
  readonly service?: Service;
  readonly status?: number;
  readonly code?: RegExp;
  readonly message?: RegExp;
  readonly hint: string | ((service: Service) => string);
}

/** What to do, by what the service said; first match wins. */
const HINTS: readonly Hint[] = [
  {
    service: 'cce',
    message: /authorize\s+CCE/i,
    hint: 'CCE needs the agency cce_admin_trust once a tenant. Open the CCE console once and confirm, or set "consent: { agency: true }" in the stack file.',
  },
  {
    code: /^(CCE\.014000(07|08|09|10|11|12|13|20)|DBS\.(200046|290003)|VPC\.(0114|0521|0604)|ELB\.(8905|1091)|DNS\.040[34]|Ecs\.00(01|13|21))$/,
    hint: 'A quota is used up. Delete what is not needed or ask for a higher quota in the console ("My Quota").',
  },
  { message: /quota exceeded/i, hint: 'A quota is used up. Delete what is not needed or ask for a higher quota in the console ("My Quota").' },
  {
    code: /^(DBS\.280450|CCE\.014000(04|16|21)|Ecs\.0044)$/,
    hint: 'Sold out or not on offer there: choose another flavor or zone in the stack file.',
  },
  { code: /^CCE\.01400015$/, hint: 'Choose a version that CCE offers: v1.30 to v1.33 at the time of writing.' },
  { code: /^APIG(W)?\.0308$|^IAM\.0012$|^DNS\.0014$/, hint: 'The service throttles this account. Run again in a few minutes.' },
  { status: 407, hint: hintForProxy('407') },
  {
    status: 401,
    hint: 'The credentials do not hold any more: a temporary key or token has expired, or the key, password or permissions were changed. Run again with valid ones.',
  },
  {
    service: 'cce',
    message: PROTECTED,
    hint: 'Switch the deletion protection of the cluster off in the CCE console, then run again.',
  },
  { service: 'elb', message: PROTECTED, hint: 'Switch the deletion protection of the load balancer off in the ELB console, then run again.' },
  {
    service: 'cce',
    code: CCE_FORBIDDEN,
    message: CCE_AT_WORK,
    hint: 'CCE is at work on the cluster and takes no other order meanwhile. Run again when the CCE console shows it as Available; what is there is found.',
  },
  {
    service: 'cce',
    code: CCE_FORBIDDEN,
    message: CCE_NOT_DENIED,
    hint: `CCE says this while it is at work on the cluster, and to a user who lacks a permission: run again when the CCE console shows the cluster as Available; if it stays, give the user's group the role "${ROLES.cce}" in this project.`,
  },
  { code: /^DNS\.0211$/, hint: 'Another tenant holds this zone. Have it deleted there, or ask OTC support.' },
  {
    status: 403,
    hint: (service) => `The user lacks a permission for ${serviceNames[service]}: give its group the role "${ROLES[service]}" in this project.`,
  },
];

/** The hint for an answer, or undefined where the service's own words must do. */
export function hintFor(service: Service, status: number, text: ErrorText): string | undefined {
  for (const row of HINTS) {
    if (row.service !== undefined && row.service !== service) continue;
    if (row.status !== undefined && row.status !== status) continue;
    if (row.code !== undefined && !row.code.test(text.code ?? '')) continue;
    if (row.message !== undefined && !row.message.test(text.message ?? '')) continue;
    return typeof row.hint === 'string' ? row.hint : row.hint(service);
  }
  return undefined;
}

/** What was asked is refused, and running again changes nothing by itself. */
const REFUSED =
  'The service says what it does not accept: set it right in the stack file or in its console, then run again. Where its words do not help, give OTC support the request id.';

/** Trouble of the service's own, whatever it was asked. */
const SERVICE_TROUBLE = 'The service itself has trouble. Run again: what is there is found. If it stays, give OTC support the request id.';

export interface Refusal {
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly unclear: boolean;
}

/** The fault for an error answer. */
export function refused(refusal: Refusal): ServiceFault {
  const { service, method, path, status, headers, body, unclear } = refusal;
  const text = errorText(body);
  const requestId = requestIdOf(headers, body);
  const said = text.message ?? (unclear ? 'the answer carries no explanation' : 'no explanation given');
  const numbers = [
    String(status),
    text.code === String(status) ? undefined : text.code,
    requestId === undefined ? undefined : `request ${requestId}`,
  ];
  const message = `${serviceNames[service]}: ${said} (${numbers.filter(Boolean).join(', ')}; ${method} ${path})`;
  return new ServiceFault(message, service, unclear, {
    status,
    code: text.code,
    requestId,
    hint: hintFor(service, status, text) ?? (status >= 500 ? SERVICE_TROUBLE : REFUSED),
  });
}

/** The fault for an answer that says yes and is not what the service gives, for example a page of something in between. */
export function unusable({ service, method, path, status, headers, body, unclear }: Refusal, wrong: string): ServiceFault {
  const requestId = requestIdOf(headers, body);
  const numbers = [status, ...(requestId === undefined ? [] : [`request ${requestId}`])].join(', ');
  return new ServiceFault(`${serviceNames[service]}: the answer cannot be used, ${wrong} (${numbers}; ${method} ${path})`, service, unclear, {
    status,
    requestId,
    hint: 'Something between this machine and the service, such as a proxy, may have answered in its place. Run again; if it stays, give OTC support the request id.',
  });
}

/** What to do about a connection that failed, by Node's error code or a proxy's status. */
export function hintForConnection({ code, ofProxy }: Pick<TransportFailure, 'code' | 'ofProxy'>): string {
  if (ofProxy) return hintForProxy(code);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'The host name has no address: check the region, and that this machine resolves public names.';
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code))
    return 'The certificate is not trusted: behind a proxy that opens TLS, name its authority in NODE_EXTRA_CA_CERTS.';
  return 'Check the network, HTTPS_PROXY and NO_PROXY of this machine, then run again.';
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
