/** Owns downloads of files that are not behind OTC's own authentication, for example an archive of certificates. */
import { Fault } from '../engine/fault.ts';
import { pauseFor, stopIfCancelled } from '../engine/until.ts';
import { hintForConnection, requestIdOf } from './errors.ts';
import { connectionRow, connectionRowFor, pauseBefore } from './retry.ts';
import { TransportFailure } from './transport.ts';
import type { Ports } from './wire.ts';

const TRIES = 4;

/** The file. @throws Fault where it is refused or does not come at the fourth try; Cancelled */
export async function download({ transport, signal, pause = pauseFor, random = Math.random }: Ports, url: string): Promise<Uint8Array> {
  const { host, pathname } = new URL(url);
  // Without its query, which may be signed.
  const what = `the download of ${host}${pathname}`;
  for (let attempt = 1; ; attempt += 1) {
    stopIfCancelled(signal);
    try {
      const { status, headers, body } = await transport({ method: 'GET', url, headers: {}, signal, timeoutSeconds: 60 });
      if (status === 200) return body;
      const hint = 'Check that this machine may reach that host, through HTTPS_PROXY where there is one, then run again.';
      const refused = new Fault(`${what} was refused (${status})`, { status, requestId: requestIdOf(headers, undefined), hint });
      if (attempt >= TRIES || status < 500) throw refused;
    } catch (error) {
      if (!(error instanceof TransportFailure)) throw error;
      const { code, message } = error;
      if (attempt >= TRIES || connectionRowFor(error) === undefined)
        throw new Fault(`no answer to ${what} (${code}: ${message})`, { code, cause: error, hint: hintForConnection(error) });
    }
    await pause(pauseBefore(connectionRow, attempt, random), signal);
  }
}
