/**
 * Owns taking away, in the post step, what a cancelled or killed main step left in the cloud: its door, and what was made
 * for that run alone. Loaded only then: it signs in again, since nothing secret is kept between the two steps.
 */
import { type CloudContext, closeDoors, cloudResources, takeLock } from '../cloud/index.ts';
import { asFault, Fault } from '../engine/fault.ts';
import { LOCKED } from '../engine/proof.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import { idToken } from '../github/id-token.ts';
import { readInputs } from '../github/inputs.ts';
import type { Runner } from '../github/runner.ts';
import type { Otc } from '../otc/client.ts';
import { signIn } from '../otc/sign-in.ts';
import { nodeTransport, textOver } from '../otc/transport.ts';
import { maskTo } from '../secret.ts';
import { namesFor } from '../stack/names.ts';
import type { Region } from '../stack/stack.ts';
import { readConfiguration } from './configuration.ts';
import type { DoorState } from './door.ts';
import { holderOf } from './lock.ts';
import { takeAway } from './passing.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Seconds for a rule, and for a server with its address: a cancelled job gives its post steps five minutes in all. */
const RULE_PATIENCE = 60;
const SERVER_PATIENCE = 180;
/** Seconds after which a server that was ordered is listed (ECS API reference: some seconds after the order). */
const LISTED_AFTER = 10;

/** @param state what the main step kept, JSON of a {@link DoorState} @throws Fault that says what to do by hand */
export async function closeLeftDoors(state: string, runner: Runner, env: Env): Promise<void> {
  const { region, doors } = JSON.parse(state) as DoorState;
  if (doors.length === 0) return;
  try {
    await closeDoors(await again(region, runner, env, AbortSignal.timeout(RULE_PATIENCE * 1000)), doors);
  } catch (error) {
    throw new Fault(`the rule that let the run in could not be taken away: ${asFault(error).message}`, {
      hint: `The next deploy takes it away; or delete the rule "${doors[0]?.mark ?? ''}" of the security group ${doors[0]?.group ?? ''} by hand.`,
      cause: error,
    });
  }
  runner.line('Took away the rule that let the run in, which it could not do itself any more.');
}

/**
 * Takes the bastion away that was there only for the deploy, under the stack's lock. Where another run holds that, it is left
 * to it: each deploy and destroy takes it away.
 * @throws Fault that says what to do by hand
 */
export async function takeLeftBastion(runner: Runner, env: Env): Promise<void> {
  const signal = AbortSignal.timeout(SERVER_PATIENCE * 1000);
  const run: Run = { signal, say: (line) => runner.line(line) };
  try {
    const { stack } = readConfiguration(readInputs(env), env);
    const otc = await again(stack.region, runner, env, signal);
    const context: CloudContext = { otc, stack, secrets: {}, names: namesFor(stack.name, otc.projectId), madeByLock: new Set() };
    await takeUnderLock(context, holderOf(runner, env), run);
  } catch (error) {
    const fault = asFault(error);
    if (fault.code === LOCKED) return runner.line(`The bastion is left to the run that is at work, which takes it away: ${fault.message}`);
    throw new Fault(`the bastion that was made for the deploy alone could not be taken away and costs money: ${fault.message}`, {
      hint: 'The next deploy or destroy takes it away; or delete its server, its EIP and its security group by hand (names with "-bastion-").',
      cause: error,
    });
  }
  runner.line('Took away the bastion, which was there for the deploy alone.');
}

/**
 * Takes away what was there for a deploy alone.
 * @throws Fault with the code {@link LOCKED} where another run is at work, any other where something stayed
 */
export async function takeUnderLock(context: CloudContext, holder: string, run: Run): Promise<void> {
  const stop = new AbortController();
  const working: Run = { ...run, signal: AbortSignal.any([run.signal, stop.signal]) };
  const otc = context.otc.withSignal(working.signal);
  let lost: Fault | undefined;
  const lose = (fault: Fault): void => {
    lost = fault;
    stop.abort();
  };
  const lock = await takeLock(
    context,
    { holder, now: Date.now, make: false, lost: lose, ...(run.pause === undefined ? {} : { pause: run.pause }) },
    run,
  );
  try {
    const { passing } = cloudResources({ ...context, otc });
    const [server] = passing;
    if (server !== undefined && (await server.observe({}, working)) === undefined) {
      await (run.pause ?? pauseFor)(LISTED_AFTER, working.signal);
      otc.forget();
    }
    const gone = await takeAway(passing, async () => undefined, working);
    const fault = lost ?? [...gone.values()].find((outcome) => outcome.fault !== undefined)?.fault;
    if (fault !== undefined) throw fault;
    if (gone.size < passing.length) throw new Fault('there was not enough time');
  } finally {
    await lock?.release();
  }
}

/** @throws Fault */
async function again(region: Region, runner: Runner, env: Env, signal: AbortSignal): Promise<Otc> {
  maskTo(runner.mask);
  const { credentials, project, identityEndpoint } = readInputs(env);
  if (credentials === undefined) throw new Fault('no credentials are given');
  const transport = nodeTransport(env);
  const ports = {
    transport,
    signal,
    say: (line: string) => runner.line(line),
    idToken: (audience: string) => idToken(audience, env, textOver(transport), signal),
  };
  return signIn(credentials, { region, project, identityEndpoint }, ports);
}
