/**
 * Owns names. Identity in the cloud is the name, unique by construction: `<stack>-<role>-<6 hex>`; the hex comes from
 * project id and stack name, so that two projects or two stacks never share a name where a service spans both.
 */
import { createHash } from 'node:crypto';

export type NameOf = (role: string) => string;

/**
 * The naming function of a stack in a project.
 * Stack names have 2 to 30 characters, roles up to 12, so that a name stays within 50 characters, the shortest limit
 * among the services used (CCE node pools, CCE API reference).
 */
export function namesFor(stack: string, projectId: string): NameOf {
  const mark = createHash('sha256').update(`${projectId}\n${stack}`).digest('hex').slice(0, 6);
  return (role) => `${stack}-${role}-${mark}`;
}

/** The stack whose name this is; undefined where no stack of the project calls anything so. */
export function stackOf(name: string, role: string, projectId: string): string | undefined {
  const stack = name.slice(0, -`-${role}-123456`.length);
  return stack !== '' && namesFor(stack, projectId)(role) === name ? stack : undefined;
}
