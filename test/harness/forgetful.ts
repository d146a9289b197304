/** Owns a gateway that forgets idle connections, as NAT gateways and firewalls do: both ends find their connection gone. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Forgetful {
  readonly server: Server;
  /** How many connections it has forgotten. */
  forgotten(): number;
}

/** @param milliseconds of silence after which a connection is forgotten */
export function forgetfulGateway(to: { readonly host: string; readonly port: number }, milliseconds: number): Forgetful {
  let forgotten = 0;
  const server = createServer((near: Socket) => {
    const far = connect(to.port, to.host);
    const forget = (): void => {
      forgotten += 1;
      near.destroy();
      far.destroy();
    };
    let timer = setTimeout(forget, milliseconds);
    const join = (from: Socket, other: Socket): void => {
      from.on('error', () => other.destroy());
      from.on('close', () => clearTimeout(timer));
      from.on('end', () => other.end());
      from.on('data', (chunk) => {
        clearTimeout(timer);
        timer = setTimeout(forget, milliseconds);
        other.write(chunk);
      });
    };
    join(near, far);
    join(far, near);
  });
  return { server, forgotten: () => forgotten };
}
