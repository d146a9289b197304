/**
 * Owns `haproxy-ingress-controller --job-check-crd`: makes the controller's own resource definitions where they are missing. Names,
 * kinds and annotations as in controller 3.2; the schemas let everything pass, since no object of these kinds is read here.
 */
import type { KubeApi } from '../api.ts';
import type { ContainerContext } from '../image.ts';

const group = 'ingress.v3.haproxy.org';
const kinds = {
  defaults: 'Defaults',
  globals: 'Global',
  backends: 'Backend',
  tcps: 'TCP',
  validationrules: 'ValidationRules',
  frontends: 'Frontend',
};

/** Exit code of the job: 1 where its service account may not do it. */
export async function checkDefinitions(context: ContainerContext, kube: KubeApi): Promise<number> {
  context.log('checking CRDs');
  for (const [plural, kind] of Object.entries(kinds)) {
    const name = `${plural}.${group}`;
    const all = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const seen = await kube.request<{ message?: string }>('GET', `${all}/${name}`);
    if (seen.status === 200) {
      context.log(`CRD ${name} exists`);
      continue;
    }
    const made = seen.status === 404 ? await kube.request<{ message?: string }>('POST', all, definition(name, plural, kind)) : seen;
    if (made.status >= 300) {
      context.log(made.body.message ?? `status ${made.status}`);
      return 1;
    }
    context.log(`CRD ${name} created`);
  }
  context.log('CRD update done');
  return 0;
}

function definition(name: string, plural: string, kind: string): object {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name, annotations: { 'haproxy.org/client-native': 'v6.2.4' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v3', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}
