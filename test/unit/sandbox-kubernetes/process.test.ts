/** Child processes of a control plane: what is said of one that ended by itself. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { daemon } from '../../../sandbox/kubernetes/process.ts';

it('the end of a daemon is told with its last lines, also where its log is gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'daemon-'));
  const said = async (script: string, act?: () => Promise<void>): Promise<string> => {
    const died: string[] = [];
    const options = { name: 'etcd', program: '/bin/sh', args: ['-c', script], logFile: join(folder, 'etcd.log') };
    const one = await daemon({ ...options, died: (message) => void died.push(message) });
    await act?.();
    if (act !== undefined) one.signal('SIGKILL');
    await one.ended;
    return died.join();
  };
  assert.match(await said('echo disk full; kill -9 $$'), /^etcd ended by itself \(SIGKILL\):\ndisk full$/);
  assert.match(await said('sleep 60', () => rm(folder, { recursive: true })), /^etcd ended by itself \(SIGKILL\):\n\(its log cannot be read: ENOENT/);
});
