/** Owns the events of scheduler and kubelet: one object for each different text, counted up when it comes again. */
import { randomBytes } from 'node:crypto';
import type { KubeApi } from '../api.ts';
import type { KubeObject } from '../objects.ts';

export interface Recorder {
  event(about: KubeObject, kind: 'Pod' | 'Node' | 'Service', type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
  /** Resolves when all that was said is written. */
  idle(): Promise<void>;
}

/** @param failed hears of events that could not be written; a namespace that is being deleted is no failure */
export function recorder(kube: KubeApi, source: { readonly component: string; readonly host?: string }, failed: (error: unknown) => void): Recorder {
  const known = new Map<string, { readonly path: string; count: number }>();
  let last: Promise<void> = Promise.resolve();

  async function write(about: KubeObject, kind: string, type: string, reason: string, message: string, fieldPath: string | undefined): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const namespace = about.metadata.namespace ?? 'default';
    const key = [about.metadata.uid, type, reason, message, fieldPath].join('\n');
    const before = known.get(key);
    if (before !== undefined) {
      before.count += 1;
      const answer = await kube.request('PATCH', before.path, { count: before.count, lastTimestamp: now });
      if (answer.status < 300) return;
      known.delete(key);
    }
    const name = `${about.metadata.name}.${randomBytes(8).toString('hex')}`;
    const answer = await kube.request('POST', `/api/v1/namespaces/${namespace}/events`, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        ...{ apiVersion: 'v1', kind, name: about.metadata.name, uid: about.metadata.uid, resourceVersion: about.metadata.resourceVersion },
        ...(about.metadata.namespace === undefined ? {} : { namespace }),
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now, source },
      ...{ reportingComponent: source.component, reportingInstance: source.host ?? '' },
    });
    if (answer.status < 300) known.set(key, { path: `/api/v1/namespaces/${namespace}/events/${name}`, count: 1 });
    else if (answer.status !== 403 && answer.status !== 404) failed(new Error(`event ${reason}: ${answer.status} ${JSON.stringify(answer.body)}`));
  }

  return {
    event(about, kind, type, reason, message, fieldPath) {
      last = last.then(() => write(about, kind, type, reason, message, fieldPath)).catch(failed);
    },
    idle: () => last,
  };
}
