/**
 * Owns finding out whether the API server can be reached, and saying what is wrong where it cannot: one question before
 * twenty, so that one thing fails and not all that stands on it.
 */
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { until } from '../engine/until.ts';
import type { KubeApi } from './api.ts';
import { dial } from './dial.ts';

export interface Way {
  readonly access: 'eip' | 'bastion' | 'private';
  /** `https://address:port` */
  readonly server: string;
  /** Waits for what minutes mend: the certificate after a change of the public address. */
  readonly patient: boolean;
}

/** CCE user guide: the certificate is made anew within 5 to 10 minutes after the API server's EIP was changed. */
const AFTER_A_CHANGE = { firstSeconds: 2, mostSeconds: 15, deadlineSeconds: 1200, usualSeconds: 480 };
/** What a new public address shows until the API server is ready for it. Silence is no such sign: that is a rule that does not admit us. */
const NOT_YET: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for other addresses',
  ECONNREFUSED: 'it does not listen yet',
};

/** Returns when the API server has answered. @throws Fault that says what is in the way */
export async function reach(api: Pick<KubeApi, 'get'>, { access, server, patient }: Way, run: Run): Promise<void> {
  if (access === 'private') await knock(new URL(server), run.signal);
  await until(`the API server to answer at ${server}`, AFTER_A_CHANGE, run, async () => {
    try {
      await api.get('/version', run.signal);
      return { done: true, value: undefined };
    } catch (error) {
      const state = error instanceof Fault ? NOT_YET[error.code ?? ''] : undefined;
      if (!patient || state === undefined) throw error;
      return { done: false, state };
    }
  });
}

/** A private address does not answer from outside; that shall show in seconds and be named. */
async function knock({ hostname, port }: URL, signal: AbortSignal): Promise<void> {
  try {
    const socket = await dial(hostname, Number(port), signal);
    socket.destroy();
  } catch (error) {
    if (signal.aborted) throw new Cancelled('the run was cancelled');
    throw new Fault(`the API server cannot be reached at its private address ${hostname}:${port}: ${asFault(error).message}`, {
      resource: hostname,
      code: asFault(error).code,
      hint: 'With cluster.access: private this action must run inside the VPC or in a network joined to it: use a self-hosted runner there, whose network is in the VPC or named in cluster.allow, or set cluster.access to bastion.',
      cause: error,
    });
  }
}
