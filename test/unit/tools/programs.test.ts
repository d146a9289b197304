/** helm and kubectl when the tunnel is cut while they run: what may be asked again is, once; the rest says what happened. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { helmOver, TUNNEL_CUT } from '../../../src/tools/helm.ts';
import { kubectlOver } from '../../../src/tools/kubectl.ts';
import type { Ended } from '../../../src/tools/process.ts';

const { signal } = new AbortController();
const cut: Ended = { code: 1, stdout: '', stderr: 'Error: EOF\nThe tunnel through the bastion was cut while this ran.\n', cut: true };
const refused: Ended = { code: 1, stdout: '', stderr: 'Error from server (Forbidden): no' };
const done: Ended = { code: 0, stdout: '{"metadata":{"name":"a"}}', stderr: '' };

function answering(...answers: readonly Ended[]): { readonly asked: (readonly string[])[]; run(args: readonly string[]): Promise<Ended> } {
  const asked: (readonly string[])[] = [];
  return {
    asked,
    run: async (args) => {
      asked.push(args);
      return answers[asked.length - 1] ?? refused;
    },
  };
}

it('kubectl is asked once more, and only after a cut', async () => {
  const object = { kind: 'Secret', metadata: { name: 'a' } };
  for (const ask of [
    (run: ReturnType<typeof answering>['run']) => kubectlOver(run).apply(object, signal),
    (run: ReturnType<typeof answering>['run']) => kubectlOver(run).create(object, signal),
    (run: ReturnType<typeof answering>['run']) => kubectlOver(run).remove('secret', 'a', 'b', signal),
  ]) {
    const mended = answering(cut, done);
    await ask(mended.run);
    assert.equal(mended.asked.length, 2);
    assert.deepEqual(mended.asked[0], mended.asked[1]);
    const twice = answering(cut, cut, done);
    await assert.rejects(ask(twice.run), /tunnel through the bastion was cut/);
    const other = answering(refused, done);
    await assert.rejects(ask(other.run), /Forbidden/);
    assert.equal(other.asked.length, 1);
  }
});

it('helm: an uninstall is asked once more, an upgrade says that it was cut and leaves the rest to who knows the release', async () => {
  const mended = answering(cut, { ...done, stdout: '' });
  await helmOver(mended.run).uninstall('zitadel', 'zitadel', true, signal);
  assert.equal(mended.asked.length, 2);
  const upgrade = { release: 'zitadel', namespace: 'zitadel', chart: '/x.tgz', values: {}, labels: {}, timeoutSeconds: 10, forceConflicts: false };
  const lost = answering(cut);
  await assert.rejects(
    helmOver(lost.run).upgrade(upgrade, signal),
    (error) => error instanceof Fault && error.code === TUNNEL_CUT && /EOF; the tunnel through the bastion was cut/.test(error.message),
  );
  assert.equal(lost.asked.length, 1);
  await assert.rejects(helmOver(answering(refused).run).upgrade(upgrade, signal), (error) => error instanceof Fault && error.code === undefined);
});
