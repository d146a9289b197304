// Notices that whoever started us is gone, however it ended: then nobody reads what we print, and nobody will end us.
// Preloaded into test processes it ends them with scripts/test.mjs: node's test runner, between the two, would go on alone.
import { existsSync, readFileSync } from 'node:fs';

function parentOf(pid) {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    return 0;
  }
}

/** Runs `act` once when our parent is gone; under npm also when npm is, which when killed leaves the shell between alone. */
export function whenOrphaned(act) {
  const line = () => (process.env.npm_lifecycle_event === undefined ? `${process.ppid}` : `${process.ppid} ${parentOf(process.ppid)}`);
  const atStart = line();
  const look = setInterval(() => {
    if (line() === atStart) return;
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
