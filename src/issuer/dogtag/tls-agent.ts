import { Agent } from 'node:https';
import { isIP } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';

/** One connection at a time, kept for the next question, always to the same server. */
export class OneConnection extends Agent {
  readonly #address: ConnectionOptions;
  #ahead: TLSSocket | undefined;

  /** `options` are what the server must show, and what is shown to it. */
  constructor(url: string, options: Pick<ConnectionOptions, 'ca' | 'cert' | 'key'>) {
    const tls = { ...options, minVersion: 'TLSv1.2', rejectUnauthorized: true } as const;
    super({ ...tls, keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
    const { hostname, port } = new URL(url);
    const host = hostname.replace(/^\[(.*)\]$/u, '$1');
    this.#address = { ...tls, host, port: port === '' ? 443 : Number(port), servername: isIP(host) === 0 ? host : '' };
  }

  /** Begins the handshake before there is a question. One that fails is begun again by whoever needs it, and fails before their eyes. */
  ahead(): void {
    if (this.#ahead !== undefined || Object.keys({ ...this.sockets, ...this.freeSockets }).length > 0) return;
    this.#ahead = connect(this.#address);
    this.#ahead.on('error', () => undefined).unref();
  }

  override createConnection(...given: Parameters<Agent['createConnection']>): ReturnType<Agent['createConnection']> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead === undefined || ahead.destroyed ? super.createConnection(...given) : ahead.ref();
  }

  override destroy(): void {
    this.#ahead?.destroy();
    super.destroy();
  }
}
