/**
 * Owns the image `alpine/k8s` (kubectl in a shell), as far as ZITADEL's chart uses it: wait for a container's end, make a Secret
 * from a file, delete Secrets by label. It reads the flags of kubectl in the script that it is given, so the stand-in chart
 * and the real one are served alike; a script with other commands ends with code 127.
 */
import type { KubeApi } from '../api.ts';
import type { ContainerContext, Image } from '../image.ts';
import type { Pod, Secret } from '../objects.ts';
import { sleep, wait } from './patience.ts';

export const alpineK8s: Image = {
  matches: (reference) => /(^|\/)(alpine\/k8s|kubectl)[:@]/.test(reference),
  async run(context) {
    const [shell, flag, script = ''] = [...context.command, ...context.args];
    if (!/sh$/.test(shell ?? '') || flag !== '-c') {
      context.log(`${shell ?? ''}: not found`);
      return 127;
    }
    if (context.kube === undefined) {
      context.log('The connection to the server localhost:8080 was refused - did you specify the right host or port?');
      return 1;
    }
    return run(context, context.kube, script.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => context.env[name] ?? '').replaceAll('\\\n', ' '));
  },
};

async function run(context: ContainerContext, kube: KubeApi, script: string): Promise<number> {
  const namespace = /--namespace[= ]"?([\w-]+)/.exec(script)?.[1] ?? context.pod.metadata.namespace ?? 'default';
  const waits = /kubectl [^\n]*get pod "?([\w.-]+)"? [^\n]*@\.name=='([\w.-]+)'\)\]\.state\.terminated/.exec(script);
  if (waits !== null && !(await untilEnded(context, kube, namespace, waits[1] ?? '', waits[2] ?? ''))) return 143;
  const creates = /kubectl [^\n]*create secret generic ([\w.-]+)\s+--from-file=([\w.-]+)=(\S+)/.exec(script);
  const deletes = /kubectl [^\n]*delete secret\s+--selector='([^']+)'/.exec(script);
  if (creates !== null) {
    const [, name = '', key = '', file = ''] = creates;
    if (!(await context.files.exists(file))) return 0;
    const labels = pairs(script, 'label');
    const annotations = pairs(script, 'annotate');
    return apply(context, kube, namespace, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, labels, annotations },
      data: { [key]: (await context.files.read(file)).toString('base64') },
    });
  }
  if (deletes !== null) return remove(context, kube, namespace, deletes[1] ?? '');
  if (waits !== null) return 0;
  context.log(`sh: ${script.trim().split(/\s/)[0] ?? ''}: not found`);
  return 127;
}

/** False where the container itself was told to end. */
async function untilEnded(context: ContainerContext, kube: KubeApi, namespace: string, pod: string, container: string): Promise<boolean> {
  while (!context.signal.aborted) {
    const seen = await kube.request<Pod>('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`);
    if (seen.status === 200 && seen.body.status?.containerStatuses?.find(({ name }) => name === container)?.state.terminated !== undefined) {
      context.log(`${container} container terminated`);
      return true;
    }
    if (seen.status !== 200) context.log(refusal(seen));
    else context.log(`waiting for ${container} container to terminate`);
    await sleep(wait(context.world, 5), context.signal);
  }
  return false;
}

async function apply(context: ContainerContext, kube: KubeApi, namespace: string, secret: Secret): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const name = secret.metadata.name;
  const before = await kube.request('GET', `${path}/${name}`);
  const answer =
    before.status === 404
      ? await kube.request('POST', path, secret)
      : before.status === 200
        ? await kube.request('PATCH', `${path}/${name}`, secret)
        : before;
  if (answer.status >= 400) {
    context.log(refusal(answer));
    return 1;
  }
  context.log(`secret/${name} ${before.status === 404 ? 'created' : 'configured'}`);
  return 0;
}

async function remove(context: ContainerContext, kube: KubeApi, namespace: string, selector: string): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const listed = await kube.request<{ items: { metadata: { name: string } }[] }>('GET', `${path}?labelSelector=${encodeURIComponent(selector)}`);
  if (listed.status !== 200) {
    context.log(refusal(listed));
    return 1;
  }
  for (const { metadata } of listed.body.items) {
    const answer = await kube.request('DELETE', `${path}/${metadata.name}`);
    if (answer.status >= 400 && answer.status !== 404) {
      context.log(refusal(answer));
      return 1;
    }
    context.log(`secret "${metadata.name}" deleted from ${namespace} namespace`);
  }
  return 0;
}

/** The `key=value` words that follow `kubectl label` or `kubectl annotate`. */
function pairs(script: string, verb: string): Record<string, string> {
  const part = new RegExp(`kubectl ${verb} [^|]*`).exec(script)?.[0] ?? '';
  return Object.fromEntries([...part.matchAll(/\s(\w[\w./-]*)=([\w.-]+)/g)].map(([, key = '', value = '']) => [key, value]));
}

function refusal(answer: { readonly status: number; readonly body: unknown }): string {
  const body = answer.body as { reason?: string; message?: string } | undefined;
  return `Error from server (${body?.reason ?? answer.status}): ${body?.message ?? ''}`;
}
