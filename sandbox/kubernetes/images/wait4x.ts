/** Owns the image `wait4x/wait4x`: asks an address again and again until it answers as wanted, or gives up with code 124. */
import type { ContainerContext, Image } from '../image.ts';
import { httpRequest } from './http-client.ts';
import { sleep, wait } from './patience.ts';

export const wait4x: Image = {
  matches: (reference) => /(^|\/)wait4x[:@]/.test(reference),
  async run(context) {
    const words = [...context.command, ...context.args].filter((word, index) => !(index === 0 && word.endsWith('wait4x')));
    const option = (name: string): string | undefined => {
      const index = words.indexOf(`--${name}`);
      return index >= 0 ? words[index + 1] : words.find((word) => word.startsWith(`--${name}=`))?.split('=')[1];
    };
    const [kind, address] = words;
    const until = Date.now() + wait(context.world, seconds(option('timeout') ?? '10s')) * (context.world.store.pace === 'real' ? 1 : 4);
    while (!context.signal.aborted) {
      const problem = await ask(context, kind ?? '', address ?? '', words.includes('--h2c'), option('expect-status-code') ?? '200');
      if (problem === undefined) return 0;
      context.log(`ERROR expectation failed: ${problem}`);
      if (Date.now() > until) {
        context.log(`Error: failed to check service: context deadline exceeded`);
        return 124;
      }
      await sleep(wait(context.world, seconds(option('interval') ?? '1s')), context.signal);
    }
    return 143;
  },
};

async function ask(context: ContainerContext, kind: string, address: string, h2c: boolean, expected: string): Promise<string | undefined> {
  try {
    if (kind === 'tcp') {
      const [host = '', port] = address.split(':');
      (await context.connect({ host, port: Number(port), timeoutMs: 3000 })).destroy();
      return undefined;
    }
    const { status } = await httpRequest(context, { url: address, h2c, insecure: true, timeoutMs: 3000 });
    return String(status) === expected ? undefined : `the status code doesn't expect: ${status}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function seconds(text: string): number {
  const [, amount = '0', unit = 's'] = /^(\d+)(s|m|h)?$/.exec(text) ?? [];
  return Number(amount) * ({ s: 1, m: 60, h: 3600 }[unit] ?? 1);
}
