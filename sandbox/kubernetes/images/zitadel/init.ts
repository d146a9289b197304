/**
 * Owns `zitadel init`: as admin the role, the database and the grant; as user the schemas and the first tables. Running it
 * again changes nothing; an existing role keeps its password.
 */
import type pg from 'pg';
import type { ContainerContext } from '../../image.ts';
import type { Settings } from './configuration.ts';
import { connect, literal, name, target, ZitadelFailure } from './database.ts';

/** Codes of what exists already: role, database, schema, table. */
const exists = ['42710', '42P04', '42P06', '42P07'];

export async function init(context: ContainerContext, settings: Settings, only: string | undefined): Promise<void> {
  if (only !== 'zitadel') await stage('initialize database failed', () => asAdmin(context, settings));
  await stage('initialize ZITADEL failed', () => asUser(context, settings));
}

async function asAdmin(context: ContainerContext, settings: Settings): Promise<void> {
  const user = target(settings, 'User');
  const client = await connect(context, settings, target(settings, 'Admin'));
  try {
    context.log(`level=info msg="verify user" username=${user.user}`);
    await tolerant(client, `CREATE USER ${name(user.user)} WITH PASSWORD ${literal(user.password)}`);
    context.log(`level=info msg="verify database" database=${user.database}`);
    await tolerant(client, `CREATE DATABASE ${name(user.database)}`);
    context.log(`level=info msg="verify grant" user=${user.user} database=${user.database}`);
    await client.query(`GRANT ALL ON DATABASE ${name(user.database)} TO ${name(user.user)}`);
  } finally {
    await client.end();
  }
}

async function asUser(context: ContainerContext, settings: Settings): Promise<void> {
  const client = await connect(context, settings, target(settings, 'User'));
  try {
    context.log(`level=info msg="verify zitadel" database=${target(settings, 'User').database}`);
    for (const schema of ['eventstore', 'projections', 'system']) await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
    await client.query('CREATE TABLE IF NOT EXISTS system.encryption_keys (id TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (id))');
    await client.query(`CREATE TABLE IF NOT EXISTS eventstore.events2 (
      instance_id TEXT NOT NULL, aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, event_type TEXT NOT NULL, "sequence" BIGINT NOT NULL,
      revision SMALLINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now(), payload JSONB, creator TEXT NOT NULL, "owner" TEXT NOT NULL,
      "position" NUMERIC NOT NULL, in_tx_order INTEGER NOT NULL, PRIMARY KEY (instance_id, aggregate_type, aggregate_id, "sequence"))`);
    await client.query('CREATE SEQUENCE IF NOT EXISTS eventstore.system_seq');
  } finally {
    await client.end();
  }
}

async function tolerant(client: pg.Client, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    if (!exists.includes((error as { code?: string }).code ?? '')) throw error;
  }
}

async function stage(prefix: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const code = (error as { code?: string }).code;
    const text =
      error instanceof ZitadelFailure || code === undefined ? (error as Error).message : `ERROR: ${(error as Error).message} (SQLSTATE ${code})`;
    throw new ZitadelFailure(`${prefix}: ${text}`);
  }
}
