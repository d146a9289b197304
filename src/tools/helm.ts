/**
 * Owns what Helm is asked to do, and how its stored releases are read. Values go in on stdin; the JSON that helm prints
 * holds the whole release and is never shown. When to run helm is decided in `kube/chart-release.ts`.
 * Behaviour checked with helm 4.1.4.
 */
import { gunzipSync } from 'node:zlib';
import { asFault, Fault } from '../engine/fault.ts';
import { jsonObject } from '../engine/other-answer.ts';
import { redact } from '../secret.ts';
import type { KubeObject } from './api.ts';
import type { Command, Ended } from './process.ts';

export interface Upgrade {
  readonly release: string;
  readonly namespace: string;
  /** Path of the chart's archive. */
  readonly chart: string;
  /** The complete values; what former revisions had is not carried over. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
  /** For each single operation: a hook, the wait for the workloads. */
  readonly timeoutSeconds: number;
  /** Takes back fields that somebody else set meanwhile; only for releases that are applied server-side. */
  readonly forceConflicts: boolean;
}

export interface Render extends Pick<Upgrade, 'release' | 'namespace' | 'chart' | 'values'> {
  /** `v1.33.5`; charts choose by it. */
  readonly kubeVersion: string;
  /** `group/version` and `group/version/Kind` that the cluster serves. */
  readonly apiVersions: readonly string[];
  readonly isUpgrade: boolean;
}

export interface Helm {
  /** The manifest, hooks included, as an upgrade would make it; asks no cluster. @throws Fault with helm's message */
  render(render: Render, signal: AbortSignal): Promise<string>;
  /** `upgrade --install`, waiting for hooks and workloads. @throws Fault with helm's message; Cancelled after a clean stop */
  upgrade(upgrade: Upgrade, signal: AbortSignal): Promise<void>;
  /** Back to the content of a revision, always by number: without one helm may pick a failed revision. */
  rollback(release: string, namespace: string, revision: number, signal: AbortSignal): Promise<void>;
  /** Removes a release and waits for its objects to go; "not found" is success. */
  uninstall(release: string, namespace: string, hooks: boolean, signal: AbortSignal): Promise<void>;
}

export type RunHelm = (args: readonly string[], more: Pick<Command, 'signal' | 'timeoutSeconds'> & { stdin?: string }) => Promise<Ended>;

/** Code of a fault that came with a cut tunnel: helm may have stopped anywhere, and left the release in any state. */
export const TUNNEL_CUT = 'TunnelCut';

/** Revisions kept; each holds the whole release. */
const HISTORY = 5;

export function helmOver(run: RunHelm): Helm {
  const expect = (what: string, ended: Ended): void => {
    if (ended.code === 0) return;
    const message = `helm ${what}: ${helmMessage(ended.stderr)}`;
    throw ended.cut === true
      ? new Fault(`${message}; the tunnel through the bastion was cut while it ran`, { code: TUNNEL_CUT })
      : new Fault(message);
  };
  return {
    render: async ({ release, namespace, chart, values, kubeVersion, apiVersions, isUpgrade }, signal) => {
      const args = [
        ...['template', release, chart, `--namespace=${namespace}`, '--values=-', `--kube-version=${kubeVersion}`, '--skip-schema-validation'],
        ...(isUpgrade ? ['--is-upgrade'] : []),
        ...apiVersions.flatMap((one) => ['--api-versions', one]),
      ];
      const ended = await run(args, { stdin: JSON.stringify(values), signal, timeoutSeconds: 120 });
      expect(`template ${release}`, ended);
      return ended.stdout;
    },
    upgrade: async ({ release, namespace, chart, values, labels, timeoutSeconds, forceConflicts }, signal) => {
      const marks = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
      const args = [
        'upgrade',
        '--install',
        release,
        chart,
        `--namespace=${namespace}`,
        '--reset-values',
        '--values=-',
        '--wait',
        `--timeout=${timeoutSeconds}s`,
        `--history-max=${HISTORY}`,
        `--labels=${marks.join(',')}`,
        // From chart 9.21.0 on ZITADEL's schema fetches the internet (platform facts A.3).
        '--skip-schema-validation',
        '--hide-notes',
        '--output=json',
        ...(forceConflicts ? ['--force-conflicts'] : []),
      ];
      // Hooks run one after the other, each with the timeout; the process itself gets time for three of them.
      const ended = await run(args, { stdin: JSON.stringify(values), signal, timeoutSeconds: 3 * timeoutSeconds });
      expect(`upgrade --install ${release}`, ended);
    },
    rollback: async (release, namespace, revision, signal) => {
      const args = ['rollback', release, String(revision), `--namespace=${namespace}`, '--no-hooks', '--timeout=300s'];
      expect(`rollback ${release} ${revision}`, await run(args, { signal, timeoutSeconds: 360 }));
    },
    uninstall: async (release, namespace, hooks, signal) => {
      const args = [
        'uninstall',
        release,
        `--namespace=${namespace}`,
        '--ignore-not-found',
        '--wait',
        '--timeout=300s',
        ...(hooks ? [] : ['--no-hooks']),
      ];
      const attempt = (): Promise<Ended> => run(args, { signal, timeoutSeconds: 660 });
      const first = await attempt();
      expect(`uninstall ${release}`, first.cut === true ? await attempt() : first);
    },
  };
}

/** Helm's error without its prefix and its repetitions, redacted. */
export function helmMessage(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => line.startsWith('Error:')).map((line) => line.slice('Error:'.length).trim());
  return redact((errors.length > 0 ? errors : lines.filter((line) => line !== '').slice(-3)).join('; ')) || 'ended without a message';
}

/** What we use of a stored release (`sh.helm.release.v1.*`), Helm 3 and 4. */
export interface StoredRelease {
  readonly name: string;
  readonly namespace: string;
  readonly version: number;
  readonly info: { readonly status: string; readonly description?: string };
  readonly config?: Readonly<Record<string, unknown>> | null;
  readonly manifest: string;
  /** `ssa` where Helm 4 applies it server-side, `csa` for releases that Helm 3 made. */
  readonly apply_method?: string;
  readonly hooks?: readonly StoredHook[] | null;
  readonly chart: { readonly metadata: { readonly name: string; readonly version: string; readonly appVersion?: string } };
}

export interface StoredHook {
  readonly name: string;
  readonly kind: string;
  readonly manifest: string;
  readonly events?: readonly string[] | null;
  readonly delete_policies?: readonly string[] | null;
}

/**
 * What a release Secret holds in `data.release`: base64 of base64 of gzip of JSON (Helm 3 and 4, storage driver `secret`).
 * @throws Fault that names the Secret, where it holds something else
 */
export function decodeRelease({ metadata, data }: KubeObject): StoredRelease {
  const text = (data as Readonly<Record<string, unknown>> | undefined)?.['release'];
  const inner = Buffer.from(Buffer.from(typeof text === 'string' ? text : '', 'base64').toString('latin1'), 'base64');
  const secret = `Secret ${metadata.namespace ?? ''}/${metadata.name}`;
  const hint = `It was changed or cut short. Once it is deleted, helm goes on from the revision before ("helm history ${metadata.labels?.['name'] ?? ''}").`;
  const json = isZipped(inner) ? unzipped(inner, secret, hint) : inner;
  const release = jsonObject(secret, 'a release as helm stores it', json.toString('utf8'), { hint }) as Partial<StoredRelease>;
  if (release.info === undefined || release.chart?.metadata === undefined || typeof release.manifest !== 'string')
    throw new Fault(`${secret} holds no release as helm stores it: status, chart or manifest is missing`, { hint });
  return release as StoredRelease;
}

function isZipped(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unzipped(bytes: Buffer, secret: string, hint: string): Buffer {
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new Fault(`${secret} holds no release as helm stores it: ${asFault(error).message}`, { hint, cause: error });
  }
}
