/**
 * Owns the image `ghcr.io/zitadel/zitadel-login`: the login app of v4. It reads its settings from the mounted `.env` file, its
 * token from the mounted file, and asks ZITADEL with it; without a working token it never becomes ready.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ContainerContext, Image } from '../../image.ts';
import { httpRequest } from '../http-client.ts';

const base = '/ui/v2/login';

export const zitadelLogin: Image = {
  matches: (reference) => /(^|\/)zitadel\/zitadel-login[:@]/.test(reference),
  async run(context) {
    const settings = { ...(await dotenv(context)), ...context.env };
    const open = new Set<Socket>();
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://login').pathname;
      if (path === `${base}/healthy`) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      else if (path === `${base}/security`) void security(context, settings, response);
      else if (path === base || path.startsWith(`${base}/`)) response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
      else response.writeHead(404, { 'content-type': 'text/html; charset=utf-8' }).end('<h1>404</h1>');
    });
    server.on('connection', (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(Number(settings['PORT'] ?? 3000), context.address, resolve);
    });
    context.log('✓ Ready');
    if (!context.signal.aborted) await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve(), { once: true }));
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
    return 0;
  },
};

/** Asks ZITADEL for its settings with the service user's token. */
async function security(context: ContainerContext, settings: Readonly<Record<string, string>>, response: ServerResponse): Promise<void> {
  try {
    const file = settings['ZITADEL_SERVICE_USER_TOKEN_FILE'];
    const token = file === undefined ? settings['ZITADEL_SERVICE_USER_TOKEN'] : (await context.files.read(file)).toString('utf8').trim();
    const api = new URL(settings['ZITADEL_API_URL'] ?? 'http://localhost:8080');
    const extra = (settings['CUSTOM_REQUEST_HEADERS'] ?? '').split(',').filter(Boolean);
    const headers = Object.fromEntries(extra.map((pair) => [pair.slice(0, pair.indexOf(':')).toLowerCase(), pair.slice(pair.indexOf(':') + 1)]));
    const answer = await httpRequest(context, {
      url: new URL('/zitadel.settings.v2.SettingsService/GetSecuritySettings', api).href,
      method: 'POST',
      headers: { host: api.host, ...headers, authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json' },
      body: '{}',
    });
    if (answer.status !== 200) context.log(`error: ${answer.status} ${answer.body.toString('utf8')}`);
    response.writeHead(answer.status === 200 ? 200 : 500, { 'content-type': 'application/json' }).end('{}');
  } catch (error) {
    context.log(`error: ${(error as Error).message}`);
    response.writeHead(500, { 'content-type': 'application/json' }).end('{}');
  }
}

async function dotenv(context: ContainerContext): Promise<Record<string, string>> {
  const path = '/.env-file/.env';
  if (!(await context.files.exists(path))) return {};
  const lines = (await context.files.read(path)).toString('utf8').split('\n');
  return Object.fromEntries(
    lines
      .map((line) => /^\s*(\w+)=(.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, key = '', value = '']) => [key, value.trim().replace(/^(["'])(.*)\1$/, '$2')]),
  );
}

const page =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Welcome to ZITADEL</title></head><body><form><label>Loginname<input name="loginName"></label></form></body></html>\n';
