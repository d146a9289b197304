/**
 * Owns what the bastion is told at its first boot: cloud-init user data that leaves one account, one key, one use. Pure; the
 * server that gets it is `bastion.ts`'s, the tunnel through it `tools/tunnel.ts`'s.
 */
import { createHash } from 'node:crypto';
import type { BastionKeys } from '../stack/ssh-keys.ts';

/** The account that carries the tunnel; it has neither shell nor password. */
export const TUNNEL_USER = 'tunnel';

export interface BastionSetup {
  /** `address:port` of the API server inside the VPC. */
  readonly target: string;
  readonly image: string;
  /** Minutes after which a connection through which nothing goes is ended. */
  readonly idleMinutes: number;
}

const FOLDER = '/etc/ssh/sshd_config.d';
const IDLE = `${FOLDER}/01-zitadel-on-otc-idle.conf`;

/**
 * sshd's settings, in a file that Debian's and Ubuntu's configuration includes first; sshd takes the first value it meets
 * (sshd_config(5)). The only thing a client may ask for is a connection to the API server.
 */
export function sshdSettings({ target }: Pick<BastionSetup, 'target'>): string {
  return [
    'HostKey /etc/ssh/ssh_host_ed25519_key',
    'PermitRootLogin no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'AuthenticationMethods publickey',
    `AllowUsers ${TUNNEL_USER}`,
    'AllowTcpForwarding local',
    `PermitOpen ${target}`,
    'PermitListen none',
    'AllowStreamLocalForwarding no',
    'AllowAgentForwarding no',
    'GatewayPorts no',
    'PermitTunnel no',
    'PermitTTY no',
    'PermitUserEnvironment no',
    'PermitUserRC no',
    'X11Forwarding no',
    // No session of any kind: no shell, no command, no file transfer; forwarding needs none.
    'MaxSessions 0',
    'MaxAuthTries 2',
    'LoginGraceTime 20',
    // A client that is gone is noticed within two minutes.
    'ClientAliveInterval 30',
    'ClientAliveCountMax 4',
    'UseDNS no',
    '',
  ].join('\n');
}

/**
 * Ends what was forgotten: a forwarded connection that is silent, then the login without one. A run in progress has its next
 * connection made anew. Both settings came with OpenSSH 9.2, the version in Debian 12; an older sshd, such as that of Ubuntu
 * 22.04, takes them for errors, so they have a file of their own.
 */
export function idleSettings({ idleMinutes }: Pick<BastionSetup, 'idleMinutes'>): string {
  return `ChannelTimeout direct-tcpip=${idleMinutes}m\nUnusedConnectionTimeout ${idleMinutes}m\n`;
}

/** The user data: `#cloud-config` in JSON, which is YAML. Holds the host's private key; at most 32 KB (ECS API). */
export function userData(setup: BastionSetup, keys: BastionKeys): string {
  const config = {
    users: [
      {
        name: TUNNEL_USER,
        gecos: 'Tunnel to the API server',
        shell: '/usr/sbin/nologin',
        lock_passwd: true,
        ssh_authorized_keys: [`restrict,port-forwarding,permitopen="${setup.target}" ${keys.client.publicLine}`],
      },
    ],
    disable_root: true,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: keys.host.privateKey.open(), ed25519_public: keys.host.publicLine },
    write_files: [
      { path: `${FOLDER}/00-zitadel-on-otc.conf`, owner: 'root:root', permissions: '0600', content: sshdSettings(setup) },
      { path: IDLE, owner: 'root:root', permissions: '0600', content: idleSettings(setup) },
    ],
    runcmd: [
      // sshd checks nothing without its folder, which is not there where it did not start.
      ['sh', '-c', `mkdir -p /run/sshd; sshd -t || rm -f ${IDLE}`],
      // cloud-init may write the files after sshd has read its settings; the unit is called ssh on Debian and Ubuntu.
      ['sh', '-c', 'systemctl restart ssh || systemctl restart sshd'],
    ],
  };
  return `#cloud-config\n${JSON.stringify(config, null, 1)}\n`;
}

/** Six hexadecimal digits each: of the setup without keys, and of the public keys. They go into the server's description. */
export function setupMarks(setup: BastionSetup, keys: BastionKeys | undefined): { readonly setup: string; readonly keys: string | undefined } {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 6);
  return {
    setup: digest(JSON.stringify([sshdSettings(setup), idleSettings(setup), setup.image])),
    keys: keys === undefined ? undefined : digest(`${keys.client.publicBlob} ${keys.host.publicBlob}`),
  };
}

/** ECS takes 85 characters, without angle brackets. */
export function bastionDescription(stack: string, marks: { readonly setup: string; readonly keys: string }): string {
  return `zitadel-on-otc, stack ${stack}; setup ${marks.setup}, keys ${marks.keys}`;
}

export function marksIn(description: string | null | undefined): { readonly setup: string | undefined; readonly keys: string | undefined } {
  const [, setup, keys] = /; setup (\w{6}), keys (\w{6})$/.exec(description ?? '') ?? [];
  return { setup, keys };
}
