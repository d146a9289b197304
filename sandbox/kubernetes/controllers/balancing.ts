/**
 * Owns the sockets of load balancers: a listener's port on the balancer's virtual address and on its EIP, forwarding TCP to healthy
 * members from the balancer's own address. Who the members are is read at each connection.
 */
import { createServer, type Server } from 'node:net';
import { Forwarding } from '../forwarding.ts';

export interface Member {
  readonly address: string;
  readonly port: number;
}

export interface Front {
  /** Id of the pool that the members come from. */
  readonly pool: string;
  readonly port: number;
  /** Addresses to listen on: the private one, and the EIP where one is bound. */
  readonly addresses: readonly string[];
  /** The balancer's address in its backend plane: source of its connections. */
  readonly source: string;
  readonly members: () => readonly Member[];
}

export class Balancing {
  readonly #servers = new Map<string, { readonly server: Server; front: Front }>();
  readonly #forwarding = new Forwarding();
  readonly #failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Listens on exactly these fronts from now on. */
  async arrange(fronts: readonly Front[]): Promise<void> {
    const wanted = new Map<string, { readonly address: string; readonly front: Front }>(
      fronts.flatMap((front) => front.addresses.map((address) => [`${address}:${front.port}`, { address, front }] as const)),
    );
    for (const [key, { server }] of [...this.#servers]) {
      if (wanted.has(key)) continue;
      this.#servers.delete(key);
      server.close();
    }
    for (const [key, { address, front }] of wanted) {
      const existing = this.#servers.get(key);
      if (existing === undefined) await this.#listen(key, address, front);
      else existing.front = front;
    }
  }

  async close(): Promise<void> {
    const closed = [...this.#servers.values()].map(({ server }) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#servers.clear();
    this.#forwarding.cut();
    await Promise.all(closed);
  }

  async #listen(key: string, address: string, front: Front): Promise<void> {
    let turn = 0;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const current = this.#servers.get(key)?.front ?? front;
      const members = current.members();
      const member = members[turn++ % Math.max(1, members.length)];
      this.#forwarding.pass(client, member === undefined ? undefined : { ...member, source: current.source });
    });
    server.on('error', this.#failed);
    await new Promise<void>((resolve) => {
      // An address that is gone again by now is no failure: the next arrangement drops it.
      server.once('error', () => resolve());
      server.listen(front.port, address, resolve);
    });
    if (server.listening) this.#servers.set(key, { server, front });
  }
}
