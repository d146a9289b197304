/** Owns IAM as a service (API reference chapter 1): its routes, by chapter in the `iam-*.ts` files, and its two error shapes. */
import { catalogRoutes } from './iam-catalog.ts';
import { credentialRoutes } from './iam-credentials.ts';
import { directoryRoutes } from './iam-directory.ts';
import { federationRoutes } from './iam-federation.ts';
import { grantRoutes } from './iam-grants.ts';
import { providerRoutes } from './iam-providers.ts';
import { tokenRoutes } from './iam-tokens.ts';
import { userRoutes } from './iam-users.ts';
import type { Service } from './service.ts';

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  500: 'Internal Server Error',
};

/** Paths of Keystone speak Keystone, newer ones (`/v3.0`, `/v3-ext`) the flat shape; so does a locked account. */
function error(path: string, { status, code, message }: { readonly status: number; readonly code: string; readonly message: string }): unknown {
  const flat = /^\/v3(\.0|-ext)\//.test(path) && code !== '';
  if (flat || code === 'IAM.0061') return { error_msg: message, error_code: code };
  return { error: { message, code: status, title: titles[status] ?? 'Error' } };
}

export const iam: Service = {
  name: 'iam',
  prefixes: ['iam'],
  projectScoped: false,
  codes: () => ({ invalid: 'IAM.0011', forbidden: 'IAM.0003' }),
  routes: [
    ...tokenRoutes,
    ...catalogRoutes,
    ...directoryRoutes,
    ...userRoutes,
    ...grantRoutes,
    ...credentialRoutes,
    ...federationRoutes,
    ...providerRoutes,
  ],
  error,
};
