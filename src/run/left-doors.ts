/**
 * Owns closing, in the post step, the doors that a killed main step left open. Loaded only then: it signs in again, since
 * nothing secret is kept between the two steps.
 */
import { closeDoors } from '../cloud/runner-door.ts';
import { Fault } from '../engine/fault.ts';
import { idToken } from '../github/id-token.ts';
import { readInputs } from '../github/inputs.ts';
import type { Runner } from '../github/runner.ts';
import { signIn } from '../otc/sign-in.ts';
import { nodeTransport } from '../otc/transport.ts';
import { maskTo } from '../secret.ts';
import type { DoorState } from './door.ts';

/** Seconds for all of it. */
const PATIENCE = 60;

/** @param state what the main step kept, JSON of a {@link DoorState} */
export async function closeLeftDoors(state: string, runner: Runner, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { region, doors } = JSON.parse(state) as DoorState;
  if (doors.length === 0) return;
  maskTo(runner.mask);
  const { credentials, project, identityEndpoint } = readInputs(env);
  if (credentials === undefined) throw new Fault('no credentials are given to take away the rule that let the run in');
  const transport = nodeTransport(env);
  const signal = AbortSignal.timeout(PATIENCE * 1000);
  const get = async (url: string, headers: Readonly<Record<string, string>>): Promise<{ status: number; body: string }> => {
    const { status, body } = await transport({ method: 'GET', url, headers, signal, timeoutSeconds: 30 });
    return { status, body: Buffer.from(body).toString('utf8') };
  };
  const ports = { transport, signal, say: (line: string) => runner.line(line), idToken: (audience: string) => idToken(audience, env, get, signal) };
  try {
    await closeDoors(await signIn(credentials, { region, project, identityEndpoint }, ports), doors);
  } catch (error) {
    throw new Fault(`the rule that let the run in could not be taken away: ${error instanceof Error ? error.message : String(error)}`, {
      hint: `The next deploy takes it away; or delete the rule "${doors[0]?.mark ?? ''}" of the security group ${doors[0]?.group ?? ''} by hand.`,
      cause: error,
    });
  }
  runner.line('Took away the rule that let the run in, which it could not do itself any more.');
}
