/**
 * Owns reading user data as cloud-init does, as far as a server in the sandbox follows it: accounts with their keys, host
 * keys, files, commands. Pure; what runs with it is `server.ts`. cloud-init 22.4 to 24.x, modules users-groups, ssh,
 * write-files, runcmd.
 */
import { parse } from 'yaml';

export interface Account {
  readonly name: string;
  readonly shell: string;
  readonly authorizedKeys: readonly string[];
}

export interface BootFile {
  /** Absolute. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

export interface Boot {
  readonly accounts: readonly Account[];
  /** File name in /etc/ssh → content, private and public halves. */
  readonly hostKeys: Readonly<Record<string, string>>;
  readonly files: readonly BootFile[];
  /** Run in order once everything else is in place, a list as a program with its arguments, a text by sh. */
  readonly commands: readonly (readonly string[])[];
  /** Keys of the document that nothing here follows. */
  readonly ignored: readonly string[];
}

/** Which modules are followed; the rest (packages, mounts) has no meaning for a server without a system. */
const followed = ['users', 'disable_root', 'ssh_pwauth', 'ssh_deletekeys', 'ssh_keys', 'write_files'];

/**
 * @param userData as ordered, base64
 * @returns undefined where it is no cloud-config
 * @throws Error where the document cannot be read; cloud-init then goes on without it
 */
export function readUserData(userData: string): Boot | undefined {
  const text = Buffer.from(userData, 'base64').toString('utf8');
  if (!/^#cloud-config\s/.test(text)) return undefined;
  const document: unknown = parse(text);
  if (!isMap(document)) throw new Error('the cloud-config is no mapping');
  const { users, ssh_keys: keys, write_files: files, runcmd: commands, ...rest } = document;
  return {
    accounts: list(users).filter(isMap).map(accountOf),
    hostKeys: Object.fromEntries(
      Object.entries(isMap(keys) ? keys : {}).flatMap(([name, value]) => {
        const [, kind, half] = /^(rsa|ecdsa|ed25519)_(private|public)$/.exec(name) ?? [];
        return kind === undefined ? [] : [[`ssh_host_${kind}_key${half === 'public' ? '.pub' : ''}`, `${String(value).trimEnd()}\n`]];
      }),
    ),
    files: list(files).filter(isMap).map(fileOf),
    commands: list(commands).map((command) => (Array.isArray(command) ? command.map(String) : ['sh', '-c', String(command)])),
    ignored: Object.keys(rest).filter((key) => !followed.includes(key)),
  };
}

function accountOf(user: Record<string, unknown>): Account {
  const keys = list(user['ssh_authorized_keys'] ?? user['ssh-authorized-keys']);
  return { name: String(user['name']), shell: String(user['shell'] ?? '/bin/sh'), authorizedKeys: keys.map(String) };
}

function fileOf(file: Record<string, unknown>): BootFile {
  const content = String(file['content'] ?? '');
  const encoded = ['b64', 'base64'].includes(String(file['encoding'] ?? ''));
  return {
    path: String(file['path']),
    content: encoded ? Buffer.from(content, 'base64').toString('utf8') : content,
    mode: Number.parseInt(String(file['permissions'] ?? '0644'), 8),
  };
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
