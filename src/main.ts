/**
 * The action's entry: reads inputs and stack file, signs in, hands over to `run/`. Everything up to the first request
 * stays light on purpose; what is heavy is loaded while the first answer is awaited. Wiring and nothing else.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { asFault, Cancelled, type Fault, Faults } from './engine/fault.ts';
import { proxyOf } from './engine/proxy.ts';
import { idToken } from './github/id-token.ts';
import { commandIn, type Inputs, readInputs } from './github/inputs.ts';
import { actionsRunner, lackOfRunner, Runner, settle } from './github/runner.ts';
import { signIn } from './otc/sign-in.ts';
import { nodeTransport, textOver, told } from './otc/transport.ts';
import { readConfiguration } from './run/configuration.ts';
import { maskTo } from './secret.ts';
import type { ReadStack } from './stack/read.ts';
import { deriveSecrets, generationsOf, secretHintOf } from './stack/secrets.ts';
import { checkVersions } from './tools/checksums.ts';

/** The runner sends SIGINT, after 7.5 s SIGTERM, after 2.5 s it kills: what must be said is said within this. */
const SECONDS_TO_END = 6.5;
/** Of these, what is left for closing once the walk is not waited for any longer. */
const SECONDS_TO_CLOSE = 2;

const started = Date.now();
const stop = new AbortController();
/** Milliseconds of `Date.now()`. */
let endBy = Number.POSITIVE_INFINITY;
settle(process.env, tmpdir());
const runner = new Runner(actionsRunner, process.env);

/** Stops the work at a signal; resolved when what is still at work is not waited for any longer. */
function cancelledBySignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        runner.line(`${name}: no new write starts; what runs is told to stop.`);
        stop.abort(new Cancelled('the run was cancelled'));
        endBy = Date.now() + SECONDS_TO_END * 1000;
        setTimeout(resolve, (SECONDS_TO_END - SECONDS_TO_CLOSE) * 1000).unref();
      });
    }
  });
}

/** @returns true where the step succeeded */
async function main(): Promise<boolean> {
  const lack = lackOfRunner(process.env, existsSync);
  if (lack !== undefined) {
    runner.annotate('error', lack);
    return false;
  }
  maskTo(runner.mask);
  const cancelled = cancelledBySignal();
  let inputs: Inputs | undefined;
  let read: ReadStack | undefined;
  let firstSent = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    firstSent = resolve;
  });
  const plain = nodeTransport(process.env, () => firstSent());
  const transport = runner.debugging ? told(plain, (line) => runner.debug(line)) : plain;
  const earlyEnd = async (given: Inputs | undefined, found: ReadStack | undefined, faults: readonly Fault[]) => ({
    ...{ runner, env: process.env, inputs: given, command: commandIn(process.env), stack: found?.stack, notices: (await found?.notices()) ?? [] },
    ...{ transport, signal: stop.signal, faults, started },
  });
  try {
    proxyOf(process.env);
    inputs = readInputs(process.env, secretHintOf);
    checkVersions(inputs, process.platform, process.arch);
    read = readConfiguration(inputs, process.env);
    const secrets = deriveSecrets(inputs.secrets, generationsOf(read.stack), read.lifted);
    const { credentials } = inputs;
    if (credentials === undefined) {
      const { runFileOnly } = await import('./run/report.ts');
      return await runFileOnly(await earlyEnd(inputs, read, []));
    }
    const ports = {
      transport,
      signal: stop.signal,
      say: (line: string) => runner.line(line),
      idToken: (audience: string) => idToken(audience, process.env, textOver(transport), stop.signal),
    };
    const { project, identityEndpoint } = inputs;
    const session = signIn(credentials, { region: read.stack.region, project, identityEndpoint, dnsProject: read.stack.dns.project }, ports);
    // Loading blocks: before the first request has left, it would only hold it up.
    const [{ run }, otc] = await Promise.all([sent.then(() => import('./run/run.ts')), session]);
    const { stack, notices, lifted, told, placeOf } = read;
    const { configuration } = lifted;
    const getText = (url: string) => textOver(transport)(url, {}, stop.signal);
    return await run({
      runner,
      env: process.env,
      inputs: { ...inputs, credentials },
      stack,
      placeOf,
      notices: await notices(),
      secrets,
      configuration,
      told,
      otc,
      transport,
      getText,
      signal: stop.signal,
      cancelled,
      endBy: () => endBy,
      started,
    });
  } catch (error) {
    const faults = error instanceof Faults ? error.faults : [asFault(error)];
    const { runFailed } = await import('./run/report.ts');
    return await runFailed(await earlyEnd(inputs, read, faults));
  }
}

process.exitCode = (await main()) ? 0 : 1;
// All is told. What a cancelled run still waits for (a connection that opens, a name server) must not outlive it.
if (stop.signal.aborted) process.exit();
