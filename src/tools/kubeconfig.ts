/** Owns the shape of a cluster's credentials and the kubeconfig file that helm and kubectl read. Pure. */

/** What the cloud gives for a cluster. Certificate and key are PEM, or base64 of PEM as in a kubeconfig. */
export interface Kubeconfig {
  /** `https://address:port` */
  readonly server: string;
  readonly certificateAuthority: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}

/** The PEM text of either form. */
export function pemOf(text: string): string {
  return text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('utf8');
}

/** A kubeconfig with one context, as JSON, which is YAML. It holds the client key: for a 0600 file only. */
export function kubeconfigText(kubeconfig: Kubeconfig): string {
  const data = (text: string): string => Buffer.from(pemOf(text), 'utf8').toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster: { server: kubeconfig.server, 'certificate-authority-data': data(kubeconfig.certificateAuthority) } }],
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
