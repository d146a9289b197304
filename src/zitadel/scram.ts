/**
 * Owns the verifier that PostgreSQL stores in place of a password, so that the password itself is never part of a statement,
 * which a server may log. Pure.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** PostgreSQL's own default (`scram_iterations`). */
const ITERATIONS = 4096;

/**
 * The SCRAM-SHA-256 verifier of a password, as `ALTER ROLE … PASSWORD` takes it (PostgreSQL, "CREATE ROLE", `PASSWORD`; form as
 * in `pg_authid`: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, RFC 5802 and 7677).
 * @param password printable ASCII, which SASLprep (RFC 4013) leaves as it is
 * @param salt 16 random bytes
 * @throws RangeError for other characters
 */
export function scramVerifier(password: string, salt: Uint8Array, iterations = ITERATIONS): string {
  if (!/^[\x20-\x7e]+$/.test(password)) throw new RangeError('only printable ASCII can be made into a verifier here');
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyOf = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${stored}:${keyOf('Server Key').toString('base64')}`;
}
