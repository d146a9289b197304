/** Owns passing TCP connections on, as load balancers and kube-proxy do: what is refused, what closes with what. Where they lead is their owners' choice. */
import { connect, type Socket } from 'node:net';

export interface Target {
  readonly address: string;
  readonly port: number;
  /** Address that the connection comes from; where none is given, the world's. */
  readonly source?: string | undefined;
}

export class Forwarding {
  readonly #open = new Set<Socket>();

  /** Leads the client to the target. Without one the connection is taken and reset, as where no backend is healthy. */
  pass(client: Socket, target: Target | undefined): void {
    this.#keep(client);
    client.on('error', () => client.destroy());
    if (target === undefined) {
      client.resetAndDestroy();
      return;
    }
    const { address, port, source } = target;
    const upstream = connect({ host: address, port, allowHalfOpen: true, ...(source === undefined ? {} : { localAddress: source }) });
    this.#keep(upstream);
    upstream.on('error', () => client.resetAndDestroy());
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #keep(socket: Socket): void {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
  }
}
