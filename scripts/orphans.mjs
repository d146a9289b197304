// Notices that whoever started us is gone, however it ended: then nobody reads what we print, and nobody will end us.
// Preloaded into test processes it ends them with scripts/test.mjs: node's test runner, between the two, would go on alone.
import { existsSync, readFileSync } from 'node:fs';

function ofProcess(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    // A process that ended while we looked, or one that is hidden from us.
    if (!['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) throw error;
    return '';
  }
}

const parentOf = (pid) => Number(/^PPid:\s*(\d+)$/m.exec(ofProcess(pid, 'status'))?.[1] ?? 0);
const underNpm = process.env.npm_lifecycle_event !== undefined;

/** Is npm (or one of its kin) our parent, or our shell's? When killed it leaves that shell alone. */
const npmLives = () => [process.ppid, parentOf(process.ppid)].some((pid) => /npm|node|MainThread|yarn|bun/.test(ofProcess(pid, 'comm')));

/** Runs `act` once when our parent is gone; under npm also when npm is. */
export function whenOrphaned(act) {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent && (!underNpm || npmLives())) return;
    clearInterval(look);
    act();
  }, 500);
  look.unref();
}

const { TESTS_PID: tests } = process.env;
if (tests !== undefined && tests !== `${process.pid}`) {
  const look = () => {
    if (!existsSync(`/proc/${tests}`)) process.exit(143);
  };
  look();
  setInterval(look, 500).unref();
}
