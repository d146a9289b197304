/**
 * Owns Nova key pairs (API reference 9.2): a pair belongs to the user who made it and is invisible to all others. The private
 * half of a generated pair is answered once and kept nowhere.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { projectOf, seesKeyPair } from './compute-common.ts';
import { object, read, required, string } from './fields.ts';
import { milliTime } from './ids.ts';
import { novaPage } from './nova-common.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { KeyPairRow } from './tables/compute.ts';

const base = '/v2.1/{project_id}/os-keypairs';
const createShape = object({ keypair: required(object({ name: required(string), public_key: string, type: string, user_id: string })) });

const table = (call: Call) => call.world.store.table<KeyPairRow>('nova.keypairs');
const mine = (call: Call): string => call.caller?.userId ?? '';

function ownPair(call: Call): KeyPairRow {
  const name = call.params['keypair_name'] ?? '';
  const row = table(call).get(`${mine(call)}/${name}`);
  if (row === undefined) throw new Refusal(404, 'itemNotFound', `Keypair ${name} not found for user ${mine(call)}`);
  return row;
}

const view = (row: KeyPairRow): Record<string, unknown> => ({ name: row.name, fingerprint: row.fingerprint, public_key: row.public_key });

export const keyPairRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: base,
    query: ['limit', 'marker', 'user_id'],
    handle(call) {
      const rows = table(call).where((row) => row.user_id === mine(call));
      return novaPage(
        call,
        'keypairs',
        rows,
        ({ name }) => name,
        (row) => ({ keypair: { ...view(row), type: 'ssh' } }),
      );
    },
  },
  { method: 'POST', path: base, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: `${base}/{keypair_name}`,
    handle(call) {
      const row = ownPair(call);
      const body = {
        ...view(row),
        type: 'ssh',
        user_id: row.user_id,
        created_at: row.created_at,
        updated_at: null,
        deleted: false,
        deleted_at: null,
        id: 1,
      };
      return { status: 200, body: { keypair: body } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/{keypair_name}`,
    handle(call) {
      table(call).remove(ownPair(call).id);
      return { status: 202 };
    },
  },
];

function create(call: Call): Reply {
  const { name, public_key: given } = read(createShape, call.body).keypair;
  if (!/^[A-Za-z0-9_. -]{1,255}$/.test(name))
    throw new Refusal(400, 'badRequest', `Keypair data is invalid: Keypair name contains unsafe characters`);
  if (seesKeyPair(call, name)) throw new Refusal(409, 'conflictingRequest', `Key pair '${name}' already exists.`);
  const made = given === undefined ? generated() : undefined;
  const publicKey = given ?? made?.publicKey ?? '';
  const blob = keyBlob(publicKey);
  const row = table(call).insert({
    id: `${mine(call)}/${name}`,
    name,
    user_id: mine(call),
    project_id: projectOf(call),
    public_key: publicKey,
    fingerprint: (createHash('md5').update(blob).digest('hex').match(/../g) ?? []).join(':'),
    created_at: milliTime(),
  });
  const secret = made === undefined ? {} : { private_key: made.privateKey };
  return { status: 200, body: { keypair: { ...view(row), user_id: row.user_id, ...secret } } };
}

/** The key itself out of an OpenSSH line. @throws Refusal where it is none */
function keyBlob(line: string): Buffer {
  const [type = '', text = ''] = line.trim().split(/\s+/);
  const blob = Buffer.from(text, 'base64');
  const inner = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') : '';
  if (!['ssh-rsa', 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'].includes(type) || inner !== type)
    throw new Refusal(400, 'badRequest', 'Keypair data is invalid: failed to generate fingerprint');
  return blob;
}

function generated(): { readonly publicKey: string; readonly privateKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const part = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const positive = (text: string): Buffer => {
    const bytes = Buffer.from(text, 'base64url');
    return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  };
  const blob = Buffer.concat([part(Buffer.from('ssh-rsa')), part(positive(e)), part(positive(n))]);
  return {
    publicKey: `ssh-rsa ${blob.toString('base64')} Generated-by-Nova`,
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs1' }).toString(),
  };
}
