/**
 * Owns what `setup` writes for the first instance: its events, the projections that `start` answers from, encryption keys
 * under the masterkey, tokens. When and in which order is `setup.ts`'s.
 */
import { createCipheriv, createHash, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type pg from 'pg';
import type { Settings } from './configuration.ts';
import { ZitadelFailure } from './database.ts';

/** Ids of the keys that a server makes for itself at its first setup. */
const keyIds = [
  'userKey',
  'smtpKey',
  'smsKey',
  'idpConfigKey',
  'oidcKey',
  'samlKey',
  'otpKey',
  'csrfCookieKey',
  'userAgentCookieKey',
  'domainVerificationKey',
  'targetKey',
];

export const schemas = ['adminapi', 'auth', 'cache', 'logstore', 'queue'];

export const tables = [
  'CREATE TABLE IF NOT EXISTS queue.river_queue (name TEXT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now())',
  'CREATE TABLE IF NOT EXISTS projections.instances (id TEXT PRIMARY KEY, name TEXT NOT NULL, default_org_id TEXT NOT NULL, console_client_id TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS projections.instance_domains (instance_id TEXT NOT NULL, domain TEXT PRIMARY KEY, is_primary BOOLEAN NOT NULL)',
  'CREATE TABLE IF NOT EXISTS projections.orgs1 (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, name TEXT NOT NULL, primary_domain TEXT NOT NULL)',
  `CREATE TABLE IF NOT EXISTS projections.users14 (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, username TEXT NOT NULL, type TEXT NOT NULL, email TEXT,
    password_change_required BOOLEAN NOT NULL DEFAULT false, password_hash TEXT)`,
  'CREATE TABLE IF NOT EXISTS projections.login_names3 (user_id TEXT NOT NULL, login_name TEXT PRIMARY KEY)',
  'CREATE TABLE IF NOT EXISTS projections.personal_access_tokens3 (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, expiration TIMESTAMPTZ NOT NULL, digest TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS projections.web_keys (id TEXT PRIMARY KEY, instance_id TEXT NOT NULL, public_key JSONB NOT NULL, private_key TEXT NOT NULL)',
];

/** Encrypts as the server does: AES-256-CFB under the masterkey, no check value; a wrong key decrypts to nonsense, not to an error. */
export function seal(masterkey: string, plain: Uint8Array): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cfb', Buffer.from(masterkey), iv);
  return Buffer.concat([iv, cipher.update(plain), cipher.final()]).toString('base64url');
}

/** Makes the keys that are missing. Throws where the masterkey has another length than 32 bytes. */
export async function ensureKeys(client: pg.Client, masterkey: string): Promise<void> {
  const bytes = Buffer.byteLength(masterkey);
  if (bytes !== 32) throw new ZitadelFailure(`masterkey must be 32 bytes, but is ${bytes}`);
  for (const id of keyIds) {
    await client.query('INSERT INTO system.encryption_keys (id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING', [id, seal(masterkey, randomBytes(32))]);
  }
}

/** The complexity policy, in the order in which the server asks; ids as the server prints them. */
export function checkPassword(settings: Settings, password: string): void {
  const policy = (key: string): string => `DefaultInstance.PasswordComplexityPolicy.${key}`;
  const fail = (rule: string, id: string): never => {
    throw new ZitadelFailure(`Errors.User.PasswordComplexityPolicy.${rule} err.id=${id}`);
  };
  if (password.length < settings.number(policy('MinLength'))) fail('MinLength', 'COMMA-HuJf6');
  if (settings.flag(policy('HasLowercase')) && !/[a-z]/.test(password)) fail('HasLower', 'COMMA-co3Xw');
  if (settings.flag(policy('HasUppercase')) && !/[A-Z]/.test(password)) fail('HasUpper', 'COMMA-VoaRj');
  if (settings.flag(policy('HasNumber')) && !/[0-9]/.test(password)) fail('HasNumber', 'COMMA-ZBv4H');
  if (settings.flag(policy('HasSymbol')) && !/[^A-Za-z0-9]/.test(password)) fail('HasSymbol', 'COMMA-ZDLwA');
}

/** Ids as the server's: 18 digits, rising. */
let lastId = 0n;
export function newId(): string {
  const next = (BigInt(Date.now() - 1_555_000_000_000) << 20n) + BigInt(randomBytes(2).readUInt16BE());
  lastId = next > lastId ? next : lastId + 1n;
  return String(lastId).padStart(18, '3');
}

export interface Files {
  write(path: string, content: string): Promise<void>;
}

/** The first instance with its organisation, people and tokens; one transaction, so that a failure leaves nothing. */
export async function createFirstInstance(client: pg.Client, config: Settings, steps: Settings, masterkey: string, files: Files): Promise<void> {
  const human = (key: string): string => `FirstInstance.Org.Human.${key}`;
  const password = steps.text(human('Password'));
  checkPassword(config, password);
  const domain = config.text('ExternalDomain');
  const org = { id: newId(), name: steps.text('FirstInstance.Org.Name'), domain: '' };
  org.domain = `${org.name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-')}.${domain}`;
  const instance = { id: newId(), console: newId() };
  const event = events(client, instance.id);

  await event('instance', instance.id, 'instance.added', { name: steps.text('FirstInstance.InstanceName') });
  await client.query('INSERT INTO projections.instances VALUES ($1, $2, $3, $4)', [
    instance.id,
    steps.text('FirstInstance.InstanceName'),
    org.id,
    instance.console,
  ]);
  await addDomain(client, event, instance.id, domain, true);
  const loginV2 = config.flag('DefaultInstance.Features.LoginV2.Required');
  await event('instance', instance.id, 'feature.instance.login_v2.set', { value: { required: loginV2 } });
  await event('org', org.id, 'org.added', { name: org.name });
  await event('org', org.id, 'org.domain.primary.set', { domain: org.domain });
  await client.query('INSERT INTO projections.orgs1 VALUES ($1, $2, $3, $4)', [org.id, instance.id, org.name, org.domain]);
  await event('project', newId(), 'project.added', { name: 'ZITADEL' });
  await event('project', instance.console, 'project.application.config.oidc.added', {
    clientId: instance.console,
    redirectUris: [redirectUri(config)],
  });

  const userName = steps.text(human('UserName'));
  const userId = newId();
  const changes = steps.flag(human('PasswordChangeRequired'));
  const email = steps.text(human('Email.Address')) || userName;
  const hash = createHash('sha256').update(userId).update(password).digest('hex');
  await event('user', userId, 'user.human.added', { userName, email, changeRequired: changes });
  await client.query('INSERT INTO projections.users14 VALUES ($1, $2, $3, $4, $5, $6, $7)', [
    userId,
    instance.id,
    userName,
    'human',
    email,
    changes,
    hash,
  ]);
  await client.query('INSERT INTO projections.login_names3 VALUES ($1, $2)', [
    userId,
    userName.includes('@') ? userName : `${userName}@${org.domain}`,
  ]);
  await event('instance', instance.id, 'instance.member.added', { userId, roles: ['IAM_OWNER'] });

  const machine = 'FirstInstance.Org.Machine';
  if (steps.text(`${machine}.Machine.Username`) !== '') {
    const id = await addMachine(client, event, instance.id, steps.text(`${machine}.Machine.Username`), 'IAM_OWNER');
    if (steps.has(`${machine}.Pat`) && steps.text('FirstInstance.PatPath') !== '') {
      await files.write(steps.text('FirstInstance.PatPath'), await addToken(client, event, id, steps.text(`${machine}.Pat.ExpirationDate`)));
    }
    if (steps.has(`${machine}.MachineKey`) && steps.text('FirstInstance.MachineKeyPath') !== '') {
      const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
      const key = privateKey.export({ type: 'pkcs1', format: 'pem' });
      await files.write(steps.text('FirstInstance.MachineKeyPath'), JSON.stringify({ type: 'serviceaccount', keyId: newId(), key, userId: id }));
    }
  }
  const login = 'FirstInstance.Org.LoginClient';
  if (steps.text(`${login}.Machine.Username`) !== '' && steps.text('FirstInstance.LoginClientPatPath') !== '') {
    const id = await addMachine(client, event, instance.id, steps.text(`${login}.Machine.Username`), 'IAM_LOGIN_CLIENT');
    await files.write(steps.text('FirstInstance.LoginClientPatPath'), await addToken(client, event, id, steps.text(`${login}.Pat.ExpirationDate`)));
  }
  await addWebKey(client, event, instance.id, masterkey);
}

/** The address to which the console lets itself be redirected: built once from the external address, port included. */
export function redirectUri(config: Settings): string {
  return `${origin(config)}/ui/console/auth/callback`;
}

/** The external address; the usual port of its scheme is left out. */
export function origin(config: Settings): string {
  const secure = config.flag('ExternalSecure');
  const port = config.number('ExternalPort');
  const usual = port === (secure ? 443 : 80);
  return `http${secure ? 's' : ''}://${config.text('ExternalDomain')}${usual ? '' : `:${port}`}`;
}

export type Event = (aggregateType: string, aggregateId: string, type: string, payload: unknown) => Promise<void>;

/** Writes events of one instance; sequences count up within an aggregate. */
export function events(client: pg.Client, instanceId: string): Event {
  let order = 0;
  return async (aggregateType, aggregateId, type, payload) => {
    await client.query(
      `INSERT INTO eventstore.events2 (instance_id, aggregate_type, aggregate_id, event_type, "sequence", revision, payload, creator, "owner", "position", in_tx_order)
       SELECT $1::text, $2::text, $3::text, $4::text, coalesce(max("sequence"), 0) + 1, 1, $5::jsonb, 'SYSTEM', $1::text, extract(epoch FROM clock_timestamp()), $6::int
       FROM eventstore.events2 WHERE instance_id = $1 AND aggregate_type = $2 AND aggregate_id = $3`,
      [instanceId, aggregateType, aggregateId, type, JSON.stringify(payload), order++],
    );
  };
}

export async function addDomain(client: pg.Client, event: Event, instanceId: string, domain: string, primary: boolean): Promise<void> {
  await event('instance', instanceId, 'instance.domain.added', { domain });
  if (primary) await client.query('UPDATE projections.instance_domains SET is_primary = false WHERE instance_id = $1', [instanceId]);
  await client.query(
    'INSERT INTO projections.instance_domains VALUES ($1, $2, $3) ON CONFLICT (domain) DO UPDATE SET is_primary = excluded.is_primary',
    [instanceId, domain, primary],
  );
  if (primary) await event('instance', instanceId, 'instance.domain.primary.set', { domain });
}

async function addMachine(client: pg.Client, event: Event, instanceId: string, username: string, role: string): Promise<string> {
  const id = newId();
  await event('user', id, 'user.machine.added', { userName: username });
  await client.query('INSERT INTO projections.users14 (id, instance_id, username, type) VALUES ($1, $2, $3, $4)', [
    id,
    instanceId,
    username,
    'machine',
  ]);
  await event('instance', instanceId, 'instance.member.added', { userId: id, roles: [role] });
  return id;
}

async function addToken(client: pg.Client, event: Event, userId: string, expiration: string): Promise<string> {
  const id = newId();
  const token = randomBytes(53).toString('base64url');
  await event('user', userId, 'user.pat.added', { tokenId: id, expiration });
  await client.query('INSERT INTO projections.personal_access_tokens3 VALUES ($1, $2, $3, $4)', [
    id,
    userId,
    expiration || '9999-12-31T00:00:00Z',
    digestOf(token),
  ]);
  return token;
}

export const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

async function addWebKey(client: pg.Client, event: Event, instanceId: string, masterkey: string): Promise<void> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const id = newId();
  const jwk = { use: 'sig', kid: id, alg: 'RS256', ...publicKey.export({ format: 'jwk' }) };
  await event('web_key', id, 'web_key.added', { publicKey: jwk });
  await client.query('INSERT INTO projections.web_keys VALUES ($1, $2, $3, $4)', [
    id,
    instanceId,
    jwk,
    seal(masterkey, privateKey.export({ type: 'pkcs8', format: 'der' })),
  ]);
}
