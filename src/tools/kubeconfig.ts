/** Owns the shape of a cluster's credentials and the kubeconfig file that helm and kubectl read. Pure. */
import type { BastionAccess } from './bastion-ssh.ts';

/** What the cloud gives for a cluster. Certificate and key are PEM, or base64 of PEM as in a kubeconfig. */
export interface Kubeconfig {
  /** `https://address:port` */
  readonly server: string;
  readonly certificateAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** The way to it, where it is not reached directly. */
  readonly bastion?: BastionAccess | undefined;
}

/** The PEM text of either form. */
export function pemOf(text: string): string {
  return text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('utf8');
}

/** A kubeconfig with one context, as JSON, which is YAML. It holds the client key: for a 0600 file only. */
export function kubeconfigText(kubeconfig: Kubeconfig, localPort?: number): string {
  const data = (text: string): string => Buffer.from(pemOf(text), 'utf8').toString('base64');
  // Through a tunnel the server still has to show a certificate for its own address.
  const { server } = kubeconfig;
  const where = localPort === undefined ? { server } : { server: `https://127.0.0.1:${localPort}`, 'tls-server-name': new URL(server).hostname };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { ...where, 'certificate-authority-data': data(kubeconfig.certificateAuthority) } }],
    users: [
      {
        name: 'user',
        user: { 'client-certificate-data': data(kubeconfig.clientCertificate), 'client-key-data': data(kubeconfig.clientKey) },
      },
    ],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'context',
  });
}
