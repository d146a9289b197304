/** The action's post step: removes what a killed run left in the runner's temporary directory. */
import { asFault } from './engine/fault.ts';
import { actionsRunner, Runner } from './github/runner.ts';
import { removeWorkspace } from './tools/workspace.ts';

const runner = new Runner(actionsRunner, process.env);
const workspace = runner.state('workspace');
try {
  if (workspace !== undefined) await removeWorkspace(workspace);
} catch (error) {
  runner.annotate('error', asFault(error));
  process.exitCode = 1;
}
