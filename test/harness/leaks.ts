/**
 * Owns the hunt for secrets: which texts a run left behind, which secrets must not stand in them in any form, and what the
 * runner's own masking covers. Knows nothing of how the action keeps them out.
 */
import { X509Certificate } from 'node:crypto';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { helmReleases, type Live, objects } from './cluster.ts';
import type { TestWorld } from './world.ts';

export interface Secret {
  readonly name: string;
  readonly value: string;
}

export interface Place {
  readonly where: string;
  readonly text: string;
}

/** Every way in which we look for a value: itself, its lines, base64 at each alignment, escaped for JSON, URLs, shells and YAML. */
export function forms(value: string): string[] {
  const found = new Set<string>();
  const lines = value.split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----'));
  for (const part of new Set([value.trim(), ...lines])) {
    const bytes = Buffer.from(part);
    const whole = JSON.stringify(part).slice(1, -1);
    for (const form of [part, whole, JSON.stringify(whole).slice(1, -1), encodeURIComponent(part), part.replaceAll("'", "''")]) found.add(form);
    for (const shift of [0, 1, 2]) {
      // The digits that neighbours cannot change.
      const text = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .replaceAll('=', '');
      const core = text.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
      found.add(core);
      found.add(core.replaceAll('+', '-').replaceAll('/', '_'));
    }
    found.add(bytes.toString('hex'));
  }
  return [...found].filter((form) => form.length >= 8);
}

/** `secret in place`, for each secret that stands in a place in any form. */
export function findLeaks(secrets: readonly Secret[], places: readonly Place[]): string[] {
  return secrets.flatMap(({ name, value }) => {
    const known = forms(value);
    return places.filter(({ text }) => known.some((form) => text.includes(form))).map(({ where }) => `${name} in ${where}`);
  });
}

/** What people and later jobs see of a run, and what it left on disk. */
export function placesOf(run: RunResult): Place[] {
  const named = (kind: string, entries: Readonly<Record<string, string>>): Place[] =>
    Object.entries(entries).map(([name, text]) => ({ where: `${kind} ${name}`, text }));
  return [
    { where: 'log', text: run.log },
    // Stricter than people see: what was printed before the runner masked it, but for the lines that tell it what to mask.
    { where: 'output before masking', text: withoutMaskLines(run.raw) },
    { where: 'summary', text: run.summary },
    { where: 'summary before masking', text: run.rawSummary },
    { where: 'annotations', text: JSON.stringify(run.annotations) },
    ...named('output', run.outputs),
    ...named('state', run.state),
    ...named('file left in RUNNER_TEMP:', run.leftovers),
  ];
}

const withoutMaskLines = (raw: string): string =>
  raw
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');

/** The cluster's objects that are no Secrets, and Helm's releases decoded: neither may hold a secret. */
export async function placesInCluster(world: TestWorld): Promise<Place[]> {
  const kinds = ['configmaps', 'deployments', 'daemonsets', 'jobs', 'pods', 'services', 'ingresses', 'events', 'namespaces'];
  const [found, releases] = await Promise.all([objects(world, ...kinds, 'clusterissuers.cert-manager.io'), helmReleases(world)]);
  return [
    ...found.map((live) => ({ where: `${live.kind} ${live.metadata.namespace ?? ''}/${live.metadata.name}`, text: JSON.stringify(live) })),
    ...releases.map(({ namespace, name, version, text }) => ({ where: `Helm release ${namespace}/${name} revision ${version}`, text })),
  ];
}

/** What the cluster's Secrets hold and nobody outside may see: passwords, keys, tokens. Helm's releases are places, not secrets. */
export async function secretsInCluster(world: TestWorld): Promise<Secret[]> {
  const stored = (await objects(world, 'secrets')).filter(({ type }) => type !== 'helm.sh/release.v1');
  return stored.flatMap((secret: Live) =>
    Object.entries((secret['data'] ?? {}) as Record<string, string>)
      .map(([key, text]) => ({
        name: `${secret.metadata.namespace}/${secret.metadata.name} ${key}`,
        value: Buffer.from(text, 'base64').toString('utf8'),
      }))
      // An access key's id and certificates are public.
      .filter(({ name, value }) => value.length >= 8 && !name.endsWith(' accessKey') && !isCertificate(value)),
  );
}

function isCertificate(text: string): boolean {
  if (!text.includes('BEGIN CERTIFICATE')) return false;
  return new X509Certificate(text).subject !== undefined;
}
