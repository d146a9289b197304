/** The sandbox's databases: real PostgreSQL behind security groups, TLS as RDS promises it and no more, root as RDS makes it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';

it('a database is reached, trusted and refused as on RDS', { timeout: 60_000 }, async () => {
  const users = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = [...users, '--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL', '--'];
  const program = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../harness/database-room.ts')];
  const { stdout } = await promisify(execFile)('unshare', [...namespaces, ...program]);
  const results = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(
    results['member'],
    [[true, false, true, true, '10.20.0.9']],
    'TLS, no superuser, may make databases and roles, seen by its own address',
  );
  assert.match(String(results['stranger']), /timeout/, 'dropped, not refused');
  assert.match(String(results['fullName']), /does not match certificate/, 'verify-full is not promised');
  assert.match(String(results['wrongAuthority']), /unable to verify/);
  assert.deepEqual(results['plain'], [[1]], 'TLS is offered, not enforced');
  assert.match(String(results['wrongPassword']), /password authentication failed for user "root"/);
  assert.match(String(results['keeper']), /rejects connection/);
  assert.match(String(results['oldPassword']), /password authentication failed/);
  assert.deepEqual(results['restored'], [[1]], 'content and password of the backup');
  assert.match(String(results['ended']), /terminat/, 'a move restarts the server');
  for (const move of ['otherPort', 'otherAddress', 'movedBack', 'movedAgain']) {
    const [left, now] = results[move] as readonly [unknown, unknown];
    assert.match(String(left), /ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|timeout/, `${move}: nothing answers where it was`);
    assert.deepEqual(now, [[1, move === 'movedBack' ? '5432' : '5433']], move);
  }
  assert.match(String(results['movedStranger']), /timeout/, 'its groups go with it');
  assert.match(String(results['removed']), /ECONNREFUSED|timeout/);
});
