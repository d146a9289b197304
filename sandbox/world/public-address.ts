/** Owns the public services that tell a caller the address it comes from, as plain text. */
import type { Site } from '../contract.ts';

export const publicAddressSite: Site = {
  name: 'public-address',
  hosts: ['checkip.amazonaws.com', 'api.ipify.org'],
  handle(request, response) {
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    // Amazon's ends the line, ipify's does not.
    response.writeHead(200, { 'content-type': 'text/plain' }).end(request.headers.host === 'api.ipify.org' ? address : `${address}\n`);
  },
};
