/**
 * Owns what all services have in common: host names, authentication, project and rights checks, body types, unknown fields
 * and paths, request ids, the request log, faults and latency. What a call means is the services' own matter.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site, World } from '../contract.ts';
import type { Act, ControlState, Entry } from '../control/state.ts';
import { BodyTooLarge, bodyOf, reset, send } from './answer.ts';
import { authenticate, GatewayRefusal } from './auth.ts';
import { check, spelled } from './fields.ts';
import { type Place, placeOf, regions } from './hosts.ts';
import { lacking } from './iam-actions.ts';
import { hex32 } from './ids.ts';
import { type Found, Router } from './router.ts';
import { type Call, type Caller, Refusal, type Reply, type Service } from './service.ts';
import { networkTables, type OddityRow } from './tables/network.ts';

export interface FrontDoorOptions {
  readonly services: readonly Service[];
  /** Faults, latency and the request log; without it none of them. */
  readonly control?: ControlState;
  /** Sends a signal to the process that asks, for `kill` faults. */
  readonly kill?: (signal: NodeJS.Signals, request: IncomingMessage) => void | Promise<void>;
}

/** The cloud's APIs as one site; starts the services' timed transitions. */
export function frontDoor(world: World, options: FrontDoorOptions): Site {
  const router = new Router(options.services);
  for (const service of options.services) service.start?.(world);
  return {
    name: 'otc',
    hosts: regions.map(({ suffix }) => `.${suffix}`),
    handle: (request, response) => handle({ world, options, router }, request, response),
  };
}

interface Door {
  readonly world: World;
  readonly options: FrontDoorOptions;
  readonly router: Router;
}

async function handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const at = Date.now();
  const requestId = hex32();
  const source = `${request.socket.remoteAddress ?? ''}:${request.socket.remotePort ?? 0}`;
  const host = request.headers.host ?? '';
  const method = request.method ?? 'GET';
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
  const place = placeOf(host);
  const found = place === undefined ? undefined : door.router.find(place.prefix, method, path);
  const endpoint = place?.prefix ?? 'unknown';
  const asked = { service: found?.service.name ?? endpoint, endpoint, method, path };
  const act = door.options.control?.faultFor(asked);
  const seen: { caller: Caller | undefined } = { caller: undefined };
  const finish = (status: number): void => {
    const userAgent = request.headers['user-agent'];
    const entry: Entry = {
      ...asked,
      host,
      query,
      status,
      at,
      took: Date.now() - at,
      requestId,
      source,
      ...(userAgent === undefined ? {} : { userAgent }),
      via: seen.caller?.via,
      ...(act === undefined ? {} : { fault: act.kind }),
    };
    door.options.control?.record(entry);
  };
  await before(door, act, asked, request);
  if (act?.kind === 'reset' && act.when === 'before') {
    finish(0);
    return reset(response);
  }
  const reply =
    act?.kind === 'answer' && act.effect !== 'after'
      ? { status: act.status, body: act.body, headers: act.headers ?? {} }
      : await answer(door, { request, method, path, query, host, requestId, place, found, seen });
  if (act?.kind === 'kill' && act.when === 'after') await door.options.kill?.(act.signal, request);
  if (act?.kind === 'reset') {
    finish(0);
    return reset(response);
  }
  const shown: Reply = act?.kind === 'answer' ? { status: act.status, body: act.body, headers: act.headers ?? {} } : reply;
  finish(shown.status);
  const second = found?.service.requestIdHeader;
  const headers = { 'X-Request-Id': requestId, ...(second === undefined ? {} : { [second]: `req-${requestId}` }) };
  send(response, method, shown, headers, act);
}

async function before(
  door: Door,
  act: Act | undefined,
  asked: { service: string; method: string; path: string },
  request: IncomingMessage,
): Promise<void> {
  const wait = (door.options.control?.latencyFor(asked) ?? 0) + (act?.kind === 'delay' ? act.milliseconds : 0);
  if (wait > 0) await sleep(wait);
  if (act?.kind === 'kill' && act.when === 'before') await door.options.kill?.(act.signal, request);
}

interface Asked {
  readonly request: IncomingMessage;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly host: string;
  readonly requestId: string;
  readonly place: Place | undefined;
  readonly found: Found | undefined;
  readonly seen: { caller: Caller | undefined };
}

async function answer(door: Door, asked: Asked): Promise<Reply> {
  const { found, path, requestId } = asked;
  try {
    const body = await bodyOf(asked.request);
    if (asked.place === undefined || found === undefined) {
      oddity(door, asked, asked.place === undefined || !door.router.has(asked.place.prefix) ? 'host' : 'path', asked.host);
      throw new GatewayRefusal(404, 'APIG.0101', 'The API does not exist or has not been published in the environment.');
    }
    const call = prepare(door, asked, asked.place, found, body);
    return await found.route.handle(call);
  } catch (error) {
    if (error instanceof BodyTooLarge) return gateway(413, 'APIG.0201', error.message, requestId);
    if (error instanceof GatewayRefusal) return gateway(error.status, error.code, error.message, requestId);
    if (found === undefined) throw error;
    if (error instanceof Refusal)
      return { status: error.status, body: found.service.error(path, { status: error.status, code: error.code, message: error.message, requestId }) };
    door.world.log(
      'otc',
      `${asked.method} ${asked.host}${path} ${requestId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return {
      status: 500,
      body: found.service.error(path, { status: 500, code: 'APIG.0202', message: 'Internal error of the sandbox: see its log.', requestId }),
    };
  }
}

const gateway = (status: number, code: string, message: string, requestId: string): Reply => ({
  status,
  body: { error_msg: message, error_code: code, request_id: requestId },
});

/** Everything up to the service's own work: caller, project, rights, body. */
function prepare(door: Door, asked: Asked, place: Place, { service, route, params }: Found, raw: Buffer): Call {
  const { world } = door;
  const { method, path, query, host, requestId } = asked;
  const headers = Object.fromEntries(
    Object.entries(asked.request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  const codes = service.codes?.(path) ?? { invalid: 'APIG.0201', forbidden: 'APIG.0302' };
  const scoped = service.projectScoped !== false;
  const caller = route.public === true ? undefined : whoCalls(door, asked, place, service, params['project_id'], scoped, headers, raw);
  asked.seen.caller = caller;
  if (caller !== undefined) {
    if (scoped) mustFit(door, caller, place, params['project_id'], codes.forbidden);
    const writes = !['GET', 'HEAD'].includes(method) && route.reads !== true;
    if (caller.rights === 'none' && scoped) throw new Refusal(403, codes.forbidden, `User ${caller.userName} has no permission on the project.`);
    const asked = { service: service.name, method, route: route.path, writes };
    // Without any role on the domain, IAM asks for one where its chapter names it.
    const own = caller.rights === 'policy' || (caller.rights === 'none' && !scoped) ? lacking(caller.policies, asked) : undefined;
    const lacks = own ?? (caller.narrowed === undefined ? undefined : lacking([caller.narrowed], asked));
    if (lacks !== undefined) throw new Refusal(403, codes.forbidden, `Policy doesn't allow ${lacks} to be performed.`);
    if (caller.rights !== 'full' && writes)
      throw new Refusal(403, codes.forbidden, `Policy doesn't allow ${service.name}:${method.toLowerCase()} to be performed.`);
  }
  const sent = parse(raw, codes.invalid);
  const body = service.caseless === true && route.body !== undefined ? spelled(route.body, sent) : sent;
  if (route.body !== undefined) {
    const findings = check(route.body, body);
    for (const field of findings.unknown) oddity(door, asked, 'field', field);
    for (const { message } of findings.wrong) oddity(door, asked, 'type', message);
    const wrong = findings.wrong[0];
    if (wrong !== undefined) throw new Refusal(400, codes.invalid, `Invalid input: ${wrong.message}.`);
  } else if (body !== undefined && method !== 'GET' && !isEmptyObject(body)) oddity(door, asked, 'field', 'a body where none is known');
  const search = new URLSearchParams(query);
  for (const name of search.keys()) if (!(route.query ?? []).includes(name)) oddity(door, asked, 'query', name);
  return {
    world,
    region: place.region.id,
    host,
    method,
    path,
    params: place.clusterId === undefined ? params : { ...params, cluster_host: place.clusterId },
    query: search,
    headers,
    body,
    caller,
    requestId,
  };
}

function whoCalls(
  door: Door,
  { method, path, query }: Asked,
  place: Place,
  service: Service,
  pathProject: string | undefined,
  needsProject: boolean,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): Caller {
  try {
    return authenticate(door.world.store, { method, path, query, headers, body }, { pathProject, region: place.region.id, needsProject });
  } catch (error) {
    // IAM checks its tokens itself and answers in its own shape; signatures are the gateway's matter everywhere.
    const byToken = headers['authorization'] === undefined || headers['x-auth-token'] !== undefined;
    if (error instanceof GatewayRefusal && service.name === 'iam' && byToken)
      throw new Refusal(401, 'IAM.0001', 'The request you have made requires authentication.');
    throw error;
  }
}

/** The project in the path must be the caller's, and of the host's region. */
function mustFit(door: Door, caller: Caller, place: Place, pathProject: string | undefined, code: string): void {
  if (caller.projectId === undefined) throw new Refusal(403, code, 'The token must be scoped to a project of this region.');
  if (pathProject !== undefined && pathProject !== caller.projectId)
    throw new Refusal(403, code, `The project id ${pathProject} in the URL does not match the project of the token.`);
  const region = door.world.store.table<{ id: string; region: string }>('iam.projects').get(caller.projectId)?.region;
  if (region !== place.region.id)
    throw new Refusal(403, code, `Project ${caller.projectId} belongs to region ${region ?? 'unknown'}, not to ${place.region.id}.`);
}

function parse(raw: Buffer, code: string): unknown {
  if (raw.length === 0) return undefined;
  try {
    return JSON.parse(raw.toString('utf8')) as unknown;
  } catch (error) {
    throw new Refusal(400, code, `Malformed JSON in the request body: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const isEmptyObject = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** Records what the API reference does not know; the same again only counts. */
function oddity(door: Door, asked: Asked, kind: OddityRow['kind'], detail: string): void {
  const { oddities } = networkTables(door.world.store);
  const service = asked.found?.service.name ?? asked.place?.prefix ?? 'unknown';
  const path = asked.found?.route.path ?? asked.path;
  const id = [service, kind, asked.method, path, detail].join(' ');
  const before = oddities.get(id);
  if (before !== undefined) oddities.update(id, { count: before.count + 1 });
  else oddities.insert({ id, service, kind, method: asked.method, path, detail, count: 1 });
}

function splitOnce(text: string, separator: string): string[] {
  const index = text.indexOf(separator);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
