/**
 * Owns asking a name server for a name every 100 milliseconds while something else goes on, from where the runner is: the
 * measure of "never missing, never wrong". It asks the zone's own server over UDP, past every cache.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestWorld } from './world.ts';

export interface Answers {
  /** How often was asked. */
  readonly asked: number;
  /** `203.0.113.5`, `203.0.113.5 203.0.113.6`, `ENOTFOUND` … → how often it came. */
  readonly seen: Readonly<Record<string, number>>;
}

const watcher = `
import { existsSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { Resolver } from 'node:dns/promises';
const { server, name, stop, going } = JSON.parse(process.env.ASKED);
const resolver = new Resolver({ timeout: 2000, tries: 1 });
resolver.setServers([server]);
const seen = {};
let asked = 0;
while (!existsSync(stop)) {
  const started = Date.now();
  let answer;
  try { answer = (await resolver.resolve4(name)).sort().join(' '); } catch (error) { answer = error.code; }
  seen[answer] = (seen[answer] ?? 0) + 1;
  asked += 1;
  if (asked === 1) writeFileSync(going, '');
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 100 - (Date.now() - started))));
}
process.stdout.write(JSON.stringify({ asked, seen }));
`;

/** Asks all the while that `work` goes on. `server`: the first one of every public zone. */
export async function answersDuring(world: TestWorld, name: string, work: () => Promise<void>, server = '198.18.0.53'): Promise<Answers> {
  const [stop, going] = [join(world.folder, `answers-stop-${Date.now()}`), join(world.folder, `answers-going-${Date.now()}`)];
  const asked = ['env', `ASKED=${JSON.stringify({ server, name, stop, going })}`, process.execPath, '--input-type=module', '-e', watcher];
  const watching = world.enter(asked, { timeout: 600_000 });
  try {
    for (let tries = 0; !existsSync(going); tries += 1) {
      assert.ok(tries < 200, 'the watcher does not start');
      await sleep(50);
    }
    await work();
  } finally {
    await writeFile(stop, '');
  }
  const { exitCode, stdout, stderr } = await watching;
  assert.equal(exitCode, 0, stderr);
  await Promise.all([rm(stop), rm(going)]);
  return JSON.parse(stdout) as Answers;
}
