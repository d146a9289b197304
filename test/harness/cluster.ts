/**
 * Owns looking into a world's cluster and database from a scenario: objects by kubectl, Helm releases decoded, SQL answers.
 * It uses programs that nobody here wrote, so that what it sees does not depend on the action's own clients.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TestWorld } from './world.ts';

/** A Kubernetes object as kubectl prints it. */
export interface Live {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of every kind; tests assert on what they read.
  readonly [field: string]: any;
}

/** All objects of the kinds, in every namespace. */
export async function objects(world: TestWorld, ...kinds: readonly string[]): Promise<Live[]> {
  const { exitCode, stdout, stderr } = await world.enter(['kubectl', 'get', kinds.join(','), '-A', '-o', 'json']);
  assert.equal(exitCode, 0, stderr);
  return (JSON.parse(stdout) as { readonly items: Live[] }).items;
}

/** One object. `name` may be a kind and a name: `secret/zitadel-tls`. */
export async function object(world: TestWorld, name: string, namespace = 'default'): Promise<Live> {
  const { exitCode, stdout, stderr } = await world.enter(['kubectl', 'get', name, '-n', namespace, '-o', 'json']);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Live;
}

/** The content of a Secret, decoded. */
export async function secretData(world: TestWorld, namespace: string, name: string): Promise<Record<string, string>> {
  const { data = {} } = await object(world, `secret/${name}`, namespace);
  return Object.fromEntries(Object.entries(data as Record<string, string>).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]));
}

/** Kinds that a deployment writes; what controllers keep to themselves (Leases, Events, endpoints) is left out. */
const writtenKinds = [
  ...['namespaces', 'secrets', 'configmaps', 'services', 'serviceaccounts', 'deployments', 'daemonsets', 'jobs', 'ingresses', 'poddisruptionbudgets'],
  ...[
    'clusterroles',
    'clusterrolebindings',
    'roles',
    'rolebindings',
    'ingressclasses',
    'clusterissuers.cert-manager.io',
    'certificates.cert-manager.io',
  ],
];

/** `kind namespace/name` → resource version, of everything that a deployment writes. */
export async function resourceVersions(world: TestWorld): Promise<Record<string, string>> {
  const all = await objects(world, ...writtenKinds);
  return Object.fromEntries(all.map(({ kind, metadata }) => [`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, metadata.resourceVersion]));
}

export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
  readonly version: number;
  readonly info: { readonly status: string };
  readonly chart: { readonly metadata: { readonly name: string; readonly version: string } };
  readonly config: Readonly<Record<string, unknown>>;
  readonly manifest: string;
  /** The whole stored document, as text. */
  readonly text: string;
}

/** All stored revisions of all releases. */
export async function helmReleases(world: TestWorld): Promise<HelmRelease[]> {
  const stored = (await objects(world, 'secrets')).filter(({ type }) => type === 'helm.sh/release.v1');
  return stored.map(({ data }) => {
    const text = gunzipSync(Buffer.from(Buffer.from(String(data.release), 'base64').toString('utf8'), 'base64')).toString('utf8');
    return { ...(JSON.parse(text) as Omit<HelmRelease, 'text'>), text };
  });
}

/** `namespace/name` → newest revision. */
export async function helmRevisions(world: TestWorld): Promise<Record<string, number>> {
  const newest: Record<string, number> = {};
  for (const { namespace, name, version } of await helmReleases(world)) {
    newest[`${namespace}/${name}`] = Math.max(version, newest[`${namespace}/${name}`] ?? 0);
  }
  return newest;
}

export interface Login {
  readonly host: string;
  /** Default 5432. */
  readonly port?: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

const client = `
import pg from ${JSON.stringify(join(import.meta.dirname, '../../node_modules/pg/lib/index.js'))};
const { sql, ...login } = JSON.parse(process.env.ASKED);
const client = new pg.Client({ port: 5432, ...login, ssl: { rejectUnauthorized: false }, connectionTimeoutMillis: 5000 });
await client.connect();
process.stdout.write(JSON.stringify((await client.query({ text: sql, rowMode: 'array' })).rows));
await client.end();
`;

/** Rows of a query, asked over TLS from inside the VPC. */
export async function query(world: TestWorld, login: Login, sql: string): Promise<unknown[][]> {
  const asked = ['env', `ASKED=${JSON.stringify({ ...login, sql })}`, process.execPath, '--input-type=module', '-e', client];
  const { exitCode, stdout, stderr } = await world.inside(asked);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as unknown[][];
}
