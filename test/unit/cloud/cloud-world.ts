/** Owns the walks of the cloud's tests: an emulated tenant that starts empty or deployed in each test, and judging outcomes. */
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import type { CloudContext } from '../../../src/cloud/context.ts';
import type { DelegationPort } from '../../../src/cloud/delegation-query.ts';
import { type CloudResources, cloudResources } from '../../../src/cloud/index.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { Otc } from '../../../src/otc/client.ts';
import type { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { type Emulator, emulator } from './emulator.ts';
import { contextFor, journal, pause, verdicts } from './stack.ts';

export const OTC_SERVERS = ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'];

/** A name space in which the parent delegates every zone to these servers. */
export const served = (servers: string[]): DelegationPort => ({
  nameServers: async (zone) => (zone === 'com' ? ['a.gtld.test'] : []),
  addresses: async () => ['192.0.2.1'],
  ask: async () => servers,
});

export interface Ran {
  readonly outcomes: readonly Outcome[];
  readonly cloud: CloudResources;
  readonly context: CloudContext;
  readonly otc: Otc;
  readonly lines: readonly string[];
}

export interface Settings {
  readonly write?: boolean;
  /** As a drift run looks. */
  readonly findings?: boolean;
  readonly stack?: Partial<Stack>;
  readonly delegation?: DelegationPort;
  readonly connect?: Parameters<Emulator['connect']>[0];
  readonly masterkey?: Secret;
  readonly rootPassword?: Secret;
  readonly handed?: CloudContext['handed'];
  readonly checks?: boolean;
}

export interface CloudWorld {
  readonly emulator: () => Emulator;
  go(settings?: Settings): Promise<Ran>;
  /** Puts the tenant with the deployed stack in place; deployed once. */
  deploy(): Promise<void>;
  /** Back to the empty tenant. */
  empty(): void;
  /** `METHOD path` of all requests but GETs since the test began. */
  writes(): string[];
  rows<T>(table: TableName): T[];
  /** Names of ours in a table. */
  named(table: TableName): string[];
}

let shared: CloudWorld | undefined;

/** The tenant of this process, registered with the test runner once, whatever number of files asks; each test starts with an empty one. */
export function cloudWorld(): CloudWorld {
  shared ??= makeWorld();
  return shared;
}

function makeWorld(): CloudWorld {
  let world: Emulator;
  let empty: string;
  let deployed: string | undefined;
  const load = (state: string): void => {
    world.store.load(state);
    world.requests.length = 0;
    world.broken.length = 0;
    world.defects.length = 0;
    world.afterWrite = undefined;
    world.strike = undefined;
  };
  before(async () => {
    world = await emulator();
    empty = world.store.save();
  });
  after(() => world.close());
  beforeEach(() => load(empty));
  const go: CloudWorld['go'] = async ({
    write = true,
    findings = false,
    stack = {},
    delegation = served(OTC_SERVERS),
    connect = {},
    masterkey,
    rootPassword,
    handed,
    checks = false,
  } = {}) => {
    const otc = await world.connect(connect);
    const plain = { ...contextFor(otc, stack), looksOnly: !write };
    const given = {
      ...(masterkey === undefined ? {} : { masterkey }),
      ...(rootPassword === undefined ? {} : { databaseRootPassword: rootPassword }),
    };
    const context = { ...plain, secrets: { ...plain.secrets, ...given }, handed, checks };
    const cloud = cloudResources(context, { delegation });
    const heard = journal();
    const { outcomes } = await walk(cloud.all, { write, findings, signal: connect.signal ?? new AbortController().signal, journal: heard, pause });
    return { outcomes, cloud, context, otc, lines: heard.lines };
  };
  const rows = <T>(table: TableName): T[] => world.store.table<T & { id: string }>(table).all();
  return {
    emulator: () => world,
    go,
    deploy: async () => {
      if (deployed === undefined) {
        settled((await go()).outcomes);
        deployed = world.store.save();
      }
      load(deployed);
    },
    empty: () => load(empty),
    writes: () => world.requests.filter(({ method }) => method !== 'GET').map(({ method, url }) => `${method} ${new URL(url).pathname}`),
    rows,
    named: (table) =>
      rows<{ name?: string; alias?: string }>(table)
        .map(({ name, alias }) => name ?? alias ?? '')
        .filter((name) => name.startsWith('shop-')),
  };
}

const BAD = new Set(['failed', 'blocked', 'unknown']);

/** Nothing failed, and nothing was left open. */
export function settled(outcomes: readonly Outcome[]): void {
  assert.deepEqual(verdicts(outcomes.filter(({ verdict }) => BAD.has(verdict))), []);
}

/** Nothing to do anywhere. */
export function inSync(outcomes: readonly Outcome[]): void {
  assert.deepEqual(verdicts(outcomes.filter(({ verdict }) => !['unchanged', 'absent'].includes(verdict))), []);
}

/** The verdict line of one resource. */
export const verdict = (outcomes: readonly Outcome[], id: string): string => verdicts(outcomes.filter((one) => one.id === id)).join();
