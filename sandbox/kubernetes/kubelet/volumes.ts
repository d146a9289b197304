/**
 * Owns a pod's volumes as files: Secrets, ConfigMaps, projected and downward API volumes written as the kubelet writes them,
 * empty folders, in the kubelet's words where something is missing. Where a container sees them: `files.ts`.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { KubeApi } from '../api.ts';
import type { ConfigMap, Container, DownwardItem, KeyToPath, Pod, Secret, Volume } from '../objects.ts';
import { fieldOf, type PodFacts, resourceOf } from './env.ts';
import { NotThere, type Sources } from './sources.ts';

interface Entry {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
}

export interface VolumeContext {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly sources: Sources;
  readonly kube: KubeApi;
  /** Folder of this pod's volumes; each has a folder of its own name below it. */
  readonly folder: string;
}

/**
 * Makes one volume, or brings it up to date.
 * @throws NotThere in the words that follow `MountVolume.SetUp failed for volume "x" : ` in the kubelet's event
 */
export async function setUpVolume(volume: Volume, context: VolumeContext): Promise<void> {
  const target = join(context.folder, volume.name);
  if (volume.emptyDir !== undefined || volume.hostPath !== undefined || isBare(volume)) {
    await mkdir(target, { recursive: true, mode: 0o777 });
    return;
  }
  if (volume.persistentVolumeClaim !== undefined)
    throw new NotThere(`persistentvolumeclaim "${volume.persistentVolumeClaim.claimName}" is not bound: this cloud provisions no volumes`);
  await publish(target, await entriesOf(volume, context));
}

/** May its content change while the pod lives? */
export const isLive = (volume: Volume): boolean => volume.secret !== undefined || volume.configMap !== undefined || volume.projected !== undefined;

const isBare = (volume: Volume): boolean =>
  [volume.secret, volume.configMap, volume.projected, volume.downwardAPI, volume.persistentVolumeClaim].every((one) => one === undefined);

async function entriesOf(volume: Volume, context: VolumeContext): Promise<Entry[]> {
  const namespace = context.pod.metadata.namespace ?? 'default';
  const { secret, configMap, projected, downwardAPI } = volume;
  if (secret !== undefined) {
    const found = await context.sources.secret(namespace, secret.secretName ?? '');
    if (found === undefined && secret.optional !== true) throw new NotThere(`secret "${secret.secretName}" not found`);
    return pick(secretData(found), secret.items, secret.defaultMode ?? 0o644, secret.optional === true, 'secret');
  }
  if (configMap !== undefined) {
    const found = await context.sources.configMap(namespace, configMap.name ?? '');
    if (found === undefined && configMap.optional !== true) throw new NotThere(`configmap "${configMap.name}" not found`);
    return pick(configMapData(found), configMap.items, configMap.defaultMode ?? 0o644, configMap.optional === true, 'config');
  }
  if (downwardAPI !== undefined) return downward(downwardAPI.items, downwardAPI.defaultMode ?? 0o644, context);
  const mode = projected?.defaultMode ?? 0o644;
  const entries: Entry[] = [];
  for (const source of projected?.sources ?? []) {
    if (source.secret !== undefined) {
      const { name = '', items, optional } = source.secret;
      const found = await context.sources.secret(namespace, name);
      if (found === undefined && optional !== true) throw new NotThere(`secret "${name}" not found`);
      entries.push(...pick(secretData(found), items, mode, optional === true, 'secret'));
    }
    if (source.configMap !== undefined) {
      const { name = '', items, optional } = source.configMap;
      const found = await context.sources.configMap(namespace, name);
      if (found === undefined && optional !== true) throw new NotThere(`configmap "${name}" not found`);
      entries.push(...pick(configMapData(found), items, mode, optional === true, 'config'));
    }
    if (source.downwardAPI !== undefined) entries.push(...downward(source.downwardAPI.items, mode, context));
    if (source.serviceAccountToken !== undefined) entries.push(await token(source.serviceAccountToken, mode, context));
  }
  return entries;
}

const secretData = (found: Secret | undefined): Map<string, Buffer> =>
  new Map(Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));

const configMapData = (found: ConfigMap | undefined): Map<string, Buffer> =>
  new Map([
    ...Object.entries(found?.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...Object.entries(found?.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const),
  ]);

function pick(
  data: Map<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  word: 'secret' | 'config',
): Entry[] {
  if (items === undefined || items.length === 0) return [...data].map(([path, content]) => ({ path, content, mode }));
  return items.flatMap((item) => {
    const content = data.get(item.key);
    if (content !== undefined) return [{ path: item.path, content, mode: item.mode ?? mode }];
    if (optional) return [];
    throw new NotThere(
      word === 'secret' ? `references non-existent secret key: ${item.key}` : `configmap references non-existent config key: ${item.key}`,
    );
  });
}

function downward(items: readonly DownwardItem[] | undefined, mode: number, { pod, facts }: VolumeContext): Entry[] {
  return (items ?? []).map((item) => {
    const [first] = pod.spec.containers as readonly [Container];
    const value =
      item.fieldRef !== undefined
        ? fieldOf(pod, item.fieldRef.fieldPath, facts)
        : item.resourceFieldRef !== undefined
          ? resourceOf(pod, first, item.resourceFieldRef)
          : '';
    return { path: item.path, content: Buffer.from(value), mode: item.mode ?? mode };
  });
}

async function token(
  source: { audience?: string; expirationSeconds?: number; path: string },
  mode: number,
  { pod, kube }: VolumeContext,
): Promise<Entry> {
  const { namespace = 'default', name, uid } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName ?? 'default'}/token`;
  const answer = await kube.request<{ status?: { token: string }; message?: string }>('POST', path, {
    spec: {
      ...(source.audience === undefined ? {} : { audiences: [source.audience] }),
      // The issuer extends tokens of this default to a year, so none runs out under a long-lived world.
      expirationSeconds: source.expirationSeconds ?? 3607,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    },
  });
  if (answer.body.status === undefined) throw new NotThere(`failed to fetch token: ${answer.body.message ?? `status ${answer.status}`}`);
  return { path: source.path, content: Buffer.from(answer.body.status.token), mode };
}

/** Writes what differs, file by file and each at once, and takes away what is gone. */
async function publish(target: string, entries: readonly Entry[]): Promise<void> {
  await mkdir(target, { recursive: true });
  const wanted = new Set(entries.map(({ path }) => path));
  for (const { path, content, mode } of entries) {
    const file = join(target, path);
    if (await same(file, content)) continue;
    await mkdir(dirname(file), { recursive: true });
    const unfinished = `${file}.${randomUUID()}`;
    await writeFile(unfinished, content);
    await chmod(unfinished, mode);
    await rename(unfinished, file);
  }
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isDirectory() && !wanted.has(relative(target, file))) await rm(file, { force: true });
  }
}

async function same(file: string, content: Buffer): Promise<boolean> {
  try {
    return (await stat(file)).size === content.length && (await readFile(file)).equals(content);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
