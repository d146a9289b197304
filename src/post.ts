/** The action's post step: takes away what a killed run left, in the runner's temporary directory and in the cloud. */
import { tmpdir } from 'node:os';
import { asFault } from './engine/fault.ts';
import { actionsRunner, Runner, settle } from './github/runner.ts';
import { removeWorkspace } from './tools/workspace.ts';

settle(process.env, tmpdir());
const runner = new Runner(actionsRunner, process.env);
/** Each part is tried, whatever becomes of the others. */
const parts: (() => Promise<void>)[] = [
  async () => {
    const workspace = runner.state('workspace');
    if (workspace !== undefined) await removeWorkspace(workspace);
  },
  async () => {
    const doors = runner.state('doors');
    if (doors === undefined) return;
    const { closeLeftDoors } = await import('./run/left-behind.ts');
    await closeLeftDoors(doors, runner, process.env);
  },
  async () => {
    if (runner.state('passing') === undefined) return;
    const { takeLeftBastion } = await import('./run/left-behind.ts');
    await takeLeftBastion(runner, process.env);
  },
];
for (const part of parts) {
  try {
    await part();
  } catch (error) {
    runner.annotate('error', asFault(error));
    process.exitCode = 1;
  }
}
