/** Owns the DNS sockets, UDP and TCP, and the packets on them; what is answered is decided by `names.ts`. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import packets from 'dns-packet';
import type { Reply } from './zones.ts';

const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
/** Largest UDP answer: what resolvers agreed on (DNS flag day 2020); larger ones are truncated and asked again by TCP. */
const udpLimit = 1232;

export class DnsServer {
  readonly #answer: (question: { readonly name: string; readonly type: string }) => Reply;
  readonly #recursive: boolean;
  readonly #failed: (error: unknown) => void;
  readonly #sockets: UdpSocket[] = [];
  readonly #servers: Server[] = [];

  /** @param failed hears of answers that could not be made: defects of the sandbox */
  constructor(
    answer: (question: { readonly name: string; readonly type: string }) => Reply,
    options: { readonly recursive: boolean; readonly failed: (error: unknown) => void },
  ) {
    this.#answer = answer;
    this.#recursive = options.recursive;
    this.#failed = options.failed;
  }

  /** Listens on UDP and TCP; port 0 picks a free one, the same for both. Resolves with the port. */
  async listen(address: string, port: number): Promise<number> {
    const socket = createSocket('udp4');
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, address, resolve);
    });
    socket.on('message', (message, from) => this.#datagram(socket, message, from));
    const bound = socket.address().port;
    const server = createServer((connection) => {
      let buffered = Buffer.alloc(0);
      connection.on('error', () => connection.destroy());
      connection.on('data', (chunk) => {
        buffered = Buffer.concat([buffered, chunk]);
        while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
          const length = buffered.readUInt16BE(0);
          const response = this.#respond(buffered.subarray(2, 2 + length), 65_535);
          buffered = buffered.subarray(2 + length);
          if (response !== undefined) connection.write(Buffer.concat([Buffer.from([response.length >> 8, response.length & 255]), response]));
        }
      });
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(bound, address, resolve);
    });
    return bound;
  }

  async close(): Promise<void> {
    await Promise.all([
      ...this.#sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
      ...this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    ]);
  }

  #datagram(socket: UdpSocket, message: Buffer, from: RemoteInfo): void {
    const response = this.#respond(message, udpLimit);
    if (response !== undefined) socket.send(response, from.port, from.address);
  }

  #respond(message: Buffer, limit: number): Buffer | undefined {
    let query: packets.DecodedPacket;
    try {
      query = packets.decode(message);
    } catch (error) {
      // Not a DNS message: servers drop those.
      this.#failed(new Error('a DNS message could not be read', { cause: error }));
      return undefined;
    }
    const question = query.questions?.[0];
    if (query.type !== 'query' || question === undefined) return undefined;
    try {
      const found = this.#answer({ name: question.name, type: question.type });
      const flags =
        (found.authoritative && !this.#recursive ? packets.AUTHORITATIVE_ANSWER : 0) |
        ((query.flags ?? 0) & packets.RECURSION_DESIRED) |
        (this.#recursive ? packets.RECURSION_AVAILABLE : 0) |
        rcodes[found.rcode];
      const head = { type: 'response' as const, id: query.id ?? 0, questions: query.questions ?? [] };
      const whole = packets.encode({
        ...head,
        flags,
        answers: [...found.answers],
        authorities: [...found.authorities],
        additionals: [...found.additionals],
      });
      return whole.length <= limit ? whole : packets.encode({ ...head, flags: flags | packets.TRUNCATED_RESPONSE });
    } catch (error) {
      this.#failed(error);
      return packets.encode({ type: 'response', id: query.id ?? 0, flags: rcodes.SERVFAIL, questions: query.questions ?? [] });
    }
  }
}
