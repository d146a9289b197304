/**
 * Owns saving and restoring what a cluster remembers, key by key through etcd's JSON gateway. A restore writes only the keys
 * that differ, in one transaction, while API server and controllers run: to them it is a burst of ordinary changes, so that
 * no process has to start again and no cache goes stale. The processes are `control-plane.ts`.
 */
import { request } from 'node:http';

/** All keys and values, in base64 as the gateway gives them. */
export interface EtcdSnapshot {
  readonly pairs: readonly (readonly [key: string, value: string])[];
}

export interface EtcdData {
  ready(): Promise<boolean>;
  save(): Promise<EtcdSnapshot>;
  /** Returns how many keys were written or removed. */
  load(snapshot: EtcdSnapshot): Promise<number>;
}

interface RangeAnswer {
  readonly kvs?: readonly { readonly key: string; readonly value?: string }[];
}

/** One zero byte: the first key, and as the end of a range "to the last one". */
const zero = 'AA==';

/** Kept out of snapshots: identities and heartbeats of running servers, which would go back in time. */
const skipped = [/^\/registry\/leases\/kube-system\/apiserver-/, /^\/registry\/masterleases\//, /^compact_rev_key$/];

/** Talks to the etcd at 127.0.0.1:`port`. */
export function etcdData(port: number): EtcdData {
  const call = <T>(path: string, body?: unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const sent = request({ host: '127.0.0.1', port, path, method: text === undefined ? 'GET' : 'POST', agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const said = Buffer.concat(chunks).toString('utf8');
          if (response.statusCode === 200) resolve(JSON.parse(said) as T);
          else reject(new Error(`etcd ${path}: ${response.statusCode} ${said.slice(0, 400)}`));
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  const all = async (): Promise<Map<string, string>> => {
    const answer = await call<RangeAnswer>('/v3/kv/range', { key: zero, range_end: zero });
    const pairs = (answer.kvs ?? []).map(({ key, value }) => [key, value ?? ''] as const);
    return new Map(pairs.filter(([key]) => !skipped.some((pattern) => pattern.test(Buffer.from(key, 'base64').toString('latin1')))));
  };
  return {
    async ready() {
      return (await call<{ health: string }>('/health')).health === 'true';
    },
    async save() {
      return { pairs: [...(await all())] };
    },
    async load(snapshot) {
      const present = await all();
      const wanted = new Map(snapshot.pairs);
      const operations: unknown[] = [];
      for (const [key, value] of wanted) if (present.get(key) !== value) operations.push({ request_put: { key, value } });
      for (const key of present.keys()) if (!wanted.has(key)) operations.push({ request_delete_range: { key } });
      if (operations.length > 0) await call('/v3/kv/txn', { success: operations });
      return operations.length;
    },
  };
}
