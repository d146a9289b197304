/**
 * Owns the login app's token as a resource: the Secret that ZITADEL's setup makes once, kept beside the database
 * (`kept-token.ts`) and brought back from there where a cluster lacks it. Charts 9.x; later ones use a key in its place.
 */
import { Fault } from '../engine/fault.ts';
import type { Change, Resource, Run } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { type CloudNeeds, clusterIn, type DatabaseSeen, type Giving, inCluster, type KubeContext, ourLabels, type Tag } from '../kube/context.ts';
import { objectPath } from '../kube/paths.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import { Secret } from '../secret.ts';
import type { Stack } from '../stack/stack.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { keepsToken, opened, sealed, TOKEN_TAG } from './kept-token.ts';

/** Key in the Secret (chart 9.34.0). */
const KEY = 'pat';
/** Shorter than any token; what has fewer characters is none. */
const SHORTEST = 8;

export interface TokenSeen {
  readonly cluster: Cluster;
  /** Undefined where the cluster has none. */
  readonly token: Secret | undefined;
  readonly tags: readonly Tag[];
}

type TokenNeeds = NeedsCluster & { readonly database: Giving<DatabaseSeen>; readonly release: Giving<ReleaseSeen> };

interface TokenSpec {
  readonly cluster: Cluster;
  readonly databaseId: string;
}

export function loginToken(context: KubeContext, cloud: CloudNeeds, release: Giving<ReleaseSeen>): Resource<TokenNeeds, TokenSpec, TokenSeen> {
  const { stack, secrets, tagDatabase } = context;
  const where = `Secret ${stack.zitadel.namespace}/${secretName(stack)}`;
  const title = `Copy of the login app's token, in tags of the database`;
  return {
    id: 'zitadel/login-token',
    title,
    needs: { kubeconfig: cloud.kubeconfig, database: cloud.database, release },
    wanted: usesToken(stack) && tagDatabase !== undefined,
    ...inCluster(context),
    want: ({ kubeconfig, database }) => ({ cluster: context.toolbox.cluster(kubeconfig), databaseId: database.id }),
    observe: async ({ kubeconfig, database }, run) => {
      const cluster = clusterIn(context, { kubeconfig });
      const tags = database?.tags ?? [];
      if (cluster === undefined || !usesToken(stack) || tagDatabase === undefined || !keepsToken(tags)) return undefined;
      return { cluster, token: await tokenIn(cluster, stack, run), tags };
    },
    diff: (_spec, { token, tags }): Change[] => {
      if (token === undefined) return [{ field: where, before: 'missing', after: 'present', why: 'it is brought back from the copy' }];
      if (secrets.masterkey === undefined) return [];
      const kept = opened(secrets.masterkey, tags);
      if (kept === undefined) return [{ field: 'tags of the database', why: 'what they keep cannot be read', secret: true }];
      if (kept.open() === token.open()) return [];
      throw new Fault(`the login app's token in ${where} is another one than the copy of it in tags of the database`, {
        resource: where,
        finding: 'token',
        hint: `Edited by mistake: delete the Secret and deploy, it is brought back. Changed on purpose: take the tags ${TOKEN_TAG}* off the RDS instance and deploy, the new one is then kept.`,
      });
    },
    apply: async ({ cluster, databaseId }, seen, _changes, run) => {
      if (seen !== undefined && seen.token === undefined) return { ...seen, token: await bringBack(context, cluster, seen.tags, run) };
      const token = await tokenIn(cluster, stack, run);
      if (token === undefined) throw lost(stack);
      const tags = secrets.masterkey === undefined ? undefined : sealed(secrets.masterkey, token.open());
      if (tags === undefined)
        throw new Fault(`the login app's token in ${where} is too long to be kept in tags of the database`, { resource: where });
      await tagDatabase?.(databaseId, tags);
      return { cluster, token, tags };
    },
    // The Secret goes with its namespace; the copy stays with the data that it belongs to.
    destroy: async () => undefined,
  };
}

/** Before helm runs: a cluster that lacks the token of a database that was set up gets it back, else its login app would never start. */
export async function restoreToken(context: KubeContext, cluster: Cluster, { tags }: DatabaseSeen, run: Run): Promise<void> {
  if (!usesToken(context.stack) || !keepsToken(tags) || (await tokenIn(cluster, context.stack, run)) !== undefined) return;
  await bringBack(context, cluster, tags, run);
}

async function bringBack(context: KubeContext, cluster: Cluster, tags: readonly Tag[] | undefined, run: Run): Promise<Secret> {
  const { stack, secrets } = context;
  const token = secrets.masterkey === undefined ? undefined : opened(secrets.masterkey, tags);
  if (token === undefined) throw lost(stack);
  const { identity } = placeOf(stack);
  const data = { [KEY]: Buffer.from(token.open(), 'utf8').toString('base64') };
  const kubectl = await cluster.kubectl(run);
  await kubectl.apply({ ...identity, metadata: { ...identity.metadata, labels: ourLabels(stack) }, type: 'Opaque', data }, run.signal);
  run.say("the login app's token was brought back from beside the database");
  return token;
}

async function tokenIn(cluster: Cluster, stack: Stack, run: Run): Promise<Secret | undefined> {
  const live = await cluster.api.get(placeOf(stack).path, run.signal);
  const text = Buffer.from((live?.['data'] as Readonly<Record<string, string>> | undefined)?.[KEY] ?? '', 'base64').toString('utf8');
  return text.length < SHORTEST ? undefined : new Secret(text, 'the login app’s token');
}

function placeOf(stack: Stack) {
  const identity = { apiVersion: 'v1', kind: 'Secret', metadata: { name: secretName(stack), namespace: stack.zitadel.namespace } };
  return { identity, path: objectPath(identity) };
}

/** The chart's name for it, with the prefix that the user's values may give it. */
function secretName({ zitadel }: Stack): string {
  const { loginClientSecretPrefix: prefix } = (zitadel.values['login'] ?? {}) as { loginClientSecretPrefix?: unknown };
  return `${typeof prefix === 'string' ? prefix : ''}login-client`;
}

function usesToken({ zitadel }: Stack): boolean {
  return /^v?9\./.test(zitadel.chart.version);
}

function lost(stack: Stack): Fault {
  const { identity } = placeOf(stack);
  const name = `Secret ${identity.metadata.namespace}/${identity.metadata.name}`;
  return new Fault(`the login app's token is lost: ${name} is missing, and no copy of it can be read from the database's tags`, {
    resource: name,
    hint: 'ZITADEL makes it at the first setup only. docs/secrets.md, "The login app\'s token", says how to make another one.',
  });
}
