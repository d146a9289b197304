/**
 * Owns `zitadel setup`: the steps in their order, each recorded as an event so that it runs once, and what is applied again at
 * every run (external address). What the first instance consists of is `instance.ts`'s.
 */
import type pg from 'pg';
import type { ContainerContext } from '../../image.ts';
import type { Settings } from './configuration.ts';
import { connect, target, ZitadelFailure } from './database.ts';
import { addDomain, createFirstInstance, ensureKeys, events, origin, schemas, tables } from './instance.ts';

export async function setup(context: ContainerContext, config: Settings, steps: Settings, masterkey: string): Promise<void> {
  let client: pg.Client;
  try {
    client = await connect(context, config, target(config, 'User'));
    await client.query('SELECT 1 FROM system.encryption_keys LIMIT 1');
  } catch (error) {
    context.log(`level=ERROR+6 msg="unable to connect to database" err="${(error as Error).message}"`);
    throw new ZitadelFailure(`unable to connect to database: ${(error as Error).message}`);
  }
  try {
    await migrate(context, client, '14_events_push', () => prepare(client));
    await migrate(context, client, '03_default_instance', async () => {
      if (steps.flag('FirstInstance.Skip')) return;
      await ensureKeys(client, masterkey);
      await createFirstInstance(client, config, steps, masterkey, context.files);
    });
    await applyExternalAddress(client, config);
    context.log('level=info msg="setup completed"');
  } finally {
    await client.end();
  }
}

async function migrate(context: ContainerContext, client: pg.Client, step: string, run: () => Promise<void>): Promise<void> {
  const done = await client.query(
    `SELECT 1 FROM eventstore.events2 WHERE aggregate_type = 'system' AND aggregate_id = $1 AND event_type = 'system.migration.done'`,
    [step],
  );
  if ((done.rowCount ?? 0) > 0) {
    context.log(`level=info msg="migration already done" name=${step}`);
    return;
  }
  context.log(`level=info msg="starting migration" name=${step}`);
  const record = events(client, '');
  await client.query('BEGIN');
  try {
    await record('system', step, 'system.migration.started', { name: step });
    await run();
    await record('system', step, 'system.migration.done', { name: step });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    const text = (error as Error).message;
    context.log(
      `level=ERROR msg="migration failed" name=${step} err.parent="${text.split(' err.id=')[0]}"${text.includes('err.id=') ? ` err.id=${text.split('err.id=')[1]}` : ''}`,
    );
    context.log('level=ERROR msg="setup failed, skipping cleanup"');
    throw new ZitadelFailure(`migration failed name=${step} ${text}`);
  }
}

async function prepare(client: pg.Client): Promise<void> {
  for (const schema of schemas) await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
  for (const table of tables) await client.query(table);
}

/** A changed external address adds the new domain and redirect address; the old domain stays. */
async function applyExternalAddress(client: pg.Client, config: Settings): Promise<void> {
  const domain = config.text('ExternalDomain');
  const { rows } = await client.query<{ id: string }>('SELECT id FROM projections.instances LIMIT 1');
  const instance = rows[0];
  if (instance === undefined) return;
  const known = await client.query('SELECT 1 FROM projections.instance_domains WHERE domain = $1', [domain]);
  if (known.rowCount === 1) return;
  const event = events(client, instance.id);
  await addDomain(client, event, instance.id, domain, true);
  await event('project', instance.id, 'project.application.config.oidc.changed', { redirectUris: [`${origin(config)}/ui/console/auth/callback`] });
}
