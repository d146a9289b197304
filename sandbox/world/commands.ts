/** Owns running the few system programs that the world needs (`ip`, `mount`, `unshare`): awaited, with their own message when they fail. */
import { execFile } from 'node:child_process';

/**
 * Runs a program to its end and gives its standard output.
 * @throws Error with the command line and what the program said, when it fails
 */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...args], { maxBuffer: 64 << 20, env: options.env ?? process.env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
    });
    // A program that ends without reading its input says by its exit code what that means.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin?.end(options.input ?? '');
  });
}
