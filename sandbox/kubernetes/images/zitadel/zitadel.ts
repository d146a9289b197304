/**
 * Owns the image `ghcr.io/zitadel/zitadel`: its commands, the masterkey's sources, exit codes. Each command has its file
 * beside this one; the login app is `login.ts`.
 */
import type { ContainerContext, Image } from '../../image.ts';
import { type Flags, readFlags, readSettings } from './configuration.ts';
import { ZitadelFailure } from './database.ts';
import { init } from './init.ts';
import { start } from './server.ts';
import { setup } from './setup.ts';

export const zitadel: Image = {
  matches: (reference) => /(^|\/)zitadel\/zitadel[:@]/.test(reference),
  async run(context) {
    const flags = readFlags(context.command.length > 0 ? [...context.command.slice(1), ...context.args] : context.args);
    try {
      await command(context, flags);
      return 0;
    } catch (error) {
      // Files that are not mounted end the program like any other failure; defects of this stand-in do not hide here.
      if (!(error instanceof ZitadelFailure) && (error as { code?: string }).code !== 'ENOENT') throw error;
      context.log(`Error: ${(error as Error).message}`);
      return 1;
    }
  },
};

async function command(context: ContainerContext, flags: Flags): Promise<void> {
  const config = await readSettings(context, flags.config, 'config');
  if (flags.command === 'init') return init(context, config, flags.more[0]);
  if (flags.command === 'setup') return setup(context, config, await readSettings(context, flags.steps, 'steps'), await masterkey(context, flags));
  if (flags.command === 'start') {
    await masterkey(context, flags);
    return start(context, config);
  }
  throw new ZitadelFailure(`unknown command "${flags.command}" for "zitadel"`);
}

async function masterkey(context: ContainerContext, flags: Flags): Promise<string> {
  if (flags.masterkey !== undefined) return flags.masterkey;
  if (flags.masterkeyFile !== undefined) return (await context.files.read(flags.masterkeyFile)).toString('utf8');
  const value = flags.masterkeyFromEnv ? context.env['ZITADEL_MASTERKEY'] : undefined;
  if (value === undefined || value === '') throw new ZitadelFailure('masterkey must either be provided by file path, flag or environment variable');
  return value;
}
