/**
 * Owns the key pair that CCE demands when it makes nodes. It is there only while nodes are made: its private half is
 * thrown away at once, so nobody can log in with it. What a dead run left behind is found and removed.
 */
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { Cancelled, Fault } from '../engine/fault.ts';
import { leftover, type Resource } from '../engine/resource.ts';
import { unlessGone } from '../otc/client.ts';
import { deleteKeyPair, importKeyPair, type KeyPair, listKeyPairs } from '../otc/ecs.ts';
import { ServiceFault } from '../otc/errors.ts';
import type { CloudContext } from './context.ts';

export type KeyPairResource = Resource<Record<string, never>, null, KeyPair>;

export interface NodeKeyPair {
  /** Never wanted as such: finds and removes what a dead run left behind. */
  readonly leftover: KeyPairResource;
  /** Has the key pair exist while `work` runs; shared by all pools that are being made at once. */
  hold<T>(work: (name: string) => Promise<T>): Promise<T>;
}

export function nodeKeyPair(context: CloudContext): NodeKeyPair {
  const { otc, names } = context;
  const name = names('nodes');
  let holders = 0;
  let made: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    holders -= 1;
    if (holders > 0) return;
    made = undefined;
    await unlessGone(deleteKeyPair(otc, name));
  };
  return {
    leftover: leftover<Record<string, never>, KeyPair>({
      id: 'cluster/key-pair',
      title: `Key pair ${name}`,
      needs: {},
      prefetch: () => listKeyPairs(otc),
      observe: async () => (await listKeyPairs(otc)).find((one) => one.name === name),
      destroy: async () => {
        await unlessGone(deleteKeyPair(otc, name));
      },
    }),
    hold: async (work) => {
      holders += 1;
      made ??= importThrowaway(context, name);
      let result: Awaited<ReturnType<typeof work>>;
      try {
        await made;
        result = await work(name);
      } catch (error) {
        try {
          await release();
        } catch (second) {
          // The first cause is told; a key pair that stays behind is removed by the next run.
          if (!(second instanceof Fault) && !(second instanceof Cancelled)) throw second;
        }
        throw error;
      }
      await release();
      return result;
    },
  };
}

async function importThrowaway({ otc }: CloudContext, name: string): Promise<void> {
  try {
    await importKeyPair(otc, { name, public_key: await publicKey() });
  } catch (error) {
    // One of our name is there already: as nobody has its private half, it serves as well.
    if (error instanceof ServiceFault && error.status === 409) return;
    throw error;
  }
}

/** The public half of a new RSA key in OpenSSH's form; every node image takes RSA. */
async function publicKey(): Promise<string> {
  const { publicKey: key } = await promisify(generateKeyPair)('rsa', { modulusLength: 3072 });
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  // A number whose first bit is set would read as negative without the zero byte before it (RFC 4251, mpint).
  const number = (base64url: string): Buffer => field(Buffer.concat([Buffer.from([0]), Buffer.from(base64url, 'base64url')]));
  const exponent = field(Buffer.from(e, 'base64url'));
  return `ssh-rsa ${Buffer.concat([field(Buffer.from('ssh-rsa')), exponent, number(n)]).toString('base64')} zitadel-on-otc`;
}
