/** Owns the answers of `exec` that are the same everywhere: a command that did its work, and one that the image does not have. */

export interface ExecAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const done: ExecAnswer = { exitCode: 0, stdout: '', stderr: '' };

export function notFound(command: readonly string[]): ExecAnswer {
  const text = `OCI runtime exec failed: exec failed: unable to start container process: exec: "${command[0]}": executable file not found in $PATH: unknown`;
  return { exitCode: 126, stdout: '', stderr: text };
}
