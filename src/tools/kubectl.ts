/**
 * Owns what kubectl is asked to do: every write of an object, on stdin, so that no value is ever in argv. Objects are
 * applied server-side with our own field manager; reading is `api.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import { jsonObject } from '../engine/other-answer.ts';
import { redact } from '../secret.ts';
import type { KubeObject } from './api.ts';
import type { Command, Ended } from './process.ts';

export const FIELD_MANAGER = 'zitadel-on-otc';

/** Seconds a single kubectl command may take. */
const TIMEOUT = 120;

export interface Kubectl {
  /** `apply --server-side` of an object that is ours: makes its fields so, whoever set them otherwise, leaves all others alone. */
  apply(object: object, signal: AbortSignal): Promise<KubeObject>;
  /** The same for an object that was not there. @throws Fault with code `Conflict` where somebody made it meanwhile with other content */
  add(object: object, signal: AbortSignal): Promise<KubeObject>;
  /** `create`: fails where the object exists. @throws Fault with code `AlreadyExists` */
  create(object: object, signal: AbortSignal): Promise<KubeObject>;
  /** Deletes and waits until it is gone; "already gone" is success. `resource` as in `secret` or `certificate.cert-manager.io`. */
  remove(resource: string, name: string, namespace: string | undefined, signal: AbortSignal): Promise<void>;
}

export type RunKubectl = (args: readonly string[], more: Pick<Command, 'signal' | 'timeoutSeconds'> & { stdin?: string }) => Promise<Ended>;

export function kubectlOver(runOnce: RunKubectl): Kubectl {
  /** Whatever it is asked here may be asked again: it finds done what was done before the tunnel was cut. */
  const run: RunKubectl = async (args, more) => {
    const first = await runOnce(args, more);
    return first.cut === true ? runOnce(args, more) : first;
  };
  const write = async (verb: readonly string[], object: object, signal: AbortSignal): Promise<KubeObject> => {
    const args = [...verb, `--field-manager=${FIELD_MANAGER}`, '--filename=-', '--output=json'];
    const ended = await run(args, { stdin: JSON.stringify(object), signal, timeoutSeconds: TIMEOUT });
    const what = `${verb[0]} ${nameOf(object)}`;
    if (ended.code !== 0) throw failure(what, ended);
    return jsonObject(`kubectl ${what}`, 'the object as it is now', ended.stdout, { hint: AGAIN }) as KubeObject;
  };
  return {
    // Conflicts are forced: what we apply is ours, and a field that somebody took over by hand is drift to be put right.
    apply: (object, signal) => write(['apply', '--server-side', '--force-conflicts'], object, signal),
    add: (object, signal) => write(['apply', '--server-side'], object, signal),
    create: (object, signal) => write(['create'], object, signal),
    remove: async (resource, name, namespace, signal) => {
      const where = namespace === undefined ? [] : [`--namespace=${namespace}`];
      const args = ['delete', resource, name, ...where, '--ignore-not-found', '--wait', '--timeout=300s'];
      const ended = await run(args, { signal, timeoutSeconds: 330 });
      if (ended.code !== 0 && !/doesn't have a resource type|no matches for kind/.test(ended.stderr))
        throw failure(`delete ${resource} ${name}`, ended);
    },
  };
}

/** kubectl's own words, with the server's reason as code: `Error from server (AlreadyExists): …`. */
function failure(what: string, ended: Ended): Fault {
  const text = redact(ended.stderr.trim()) || `exit code ${ended.code}`;
  const code = /Apply failed with \d+ conflict/.test(text) ? 'Conflict' : /Error from server \((\w+)\)/.exec(text)?.[1];
  return new Fault(`kubectl ${what}: ${text}`, { code, hint: HINTS[code ?? ''] ?? AGAIN });
}

const AGAIN = 'Running again continues where this run stopped.';
const RIGHTS = 'The client certificate has the rights of the IAM user who asked for it: that user needs cluster-admin rights in CCE.';
const HINTS: Readonly<Record<string, string>> = {
  Forbidden: RIGHTS,
  Unauthorized: RIGHTS,
  Conflict: 'Somebody else made the object while this run was under way; it was left as it is. Running again says what to do with it.',
};

function nameOf(object: object): string {
  const { kind, metadata } = object as { kind?: string; metadata?: { name?: string; namespace?: string } };
  return `${kind ?? 'object'} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name ?? ''}`;
}
