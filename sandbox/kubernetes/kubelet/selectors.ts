/** Owns how labels, taints and quantities are compared (Kubernetes API conventions); pure. Who asks: `scheduler.ts`, `node.ts`. */
import type { Expression, LabelSelector, Pod, Taint } from '../objects.ts';

/** A selector that is absent selects nothing, an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (selector === undefined) return false;
  const all = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels?.[key] === value);
  return all && (selector.matchExpressions ?? []).every((expression) => matches(expression, labels?.[expression.key]));
}

/** One requirement of a label or node selector. */
export function matches({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      throw new Error(`unknown operator ${operator}`);
  }
}

/** Does the pod tolerate the taint? */
export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some((toleration) => {
    if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
    const exists = toleration.operator === 'Exists';
    if (toleration.key === undefined || toleration.key === '') return exists;
    return toleration.key === taint.key && (exists || (toleration.value ?? '') === (taint.value ?? ''));
  });
}

const units: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity as a number: `250m` → 0.25, `2Gi` → 2147483648. */
export function quantity(text: string | undefined): number {
  if (text === undefined) return 0;
  const [, number = '', unit = ''] = /^([0-9.eE+-]+?)([numkMGT]|[KMGT]i)?$/.exec(text) ?? [];
  const factor = units[unit];
  if (number === '' || factor === undefined) throw new Error(`${text} is not a quantity`);
  return Number(number) * factor;
}

/** What a pod asks for: the sum of its containers, or its largest init container where that is more. */
export function requests(pod: Pod, resource: 'cpu' | 'memory'): number {
  const of = (containers: Pod['spec']['containers'] | undefined) =>
    (containers ?? []).map(({ resources }) => quantity(resources?.requests?.[resource]));
  const sum = of(pod.spec.containers).reduce((total, one) => total + one, 0);
  return Math.max(sum, ...of(pod.spec.initContainers));
}

/** Has the pod ended for good? */
export const finished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
