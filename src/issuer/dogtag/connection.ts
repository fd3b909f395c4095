import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Agent } from './agent.js';
import { OneConnection } from './tls-agent.js';
import { connectionTrouble, CutShort, NotConnected, TimedOut } from './trouble.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** From the server's root, query included. */
  readonly path: string;
  /** Shows the agent's certificate. */
  readonly asAgent?: boolean;
  readonly accept: string;
  readonly body?: { readonly type: string; readonly text: string };
  /** Of an earlier answer: Dogtag keeps its nonces in the session. */
  readonly cookie?: string;
}

/** A whole answer, whatever it says. */
export interface HttpAnswer {
  /** What was asked, for messages: "GET https://pki.example.test:8443/ca/rest/info". */
  readonly asked: string;
  readonly asAgent: boolean;
  readonly status: number;
  /** Media type, lower case, without parameters; '' when there is none. */
  readonly type: string;
  readonly body: Buffer;
  readonly location?: string;
  /** The server's clock, where it says. */
  readonly date?: Date;
  /** To be sent back. */
  readonly cookie?: string;
}

export interface Connection {
  readonly url: string;
  readonly hasAgent: boolean;
  /** Follows no redirect. Fails with CA_UNREACHABLE, CA_ANSWER_INVALID or AGENT_REFUSED where there is no whole answer. */
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Begins the agent's handshake, where there is an agent, while something else is asked. */
  greetAsAgent(): void;
  /** Hangs up. */
  close(): void;
}

export interface ConnectionParts {
  /** Origin, https. */
  readonly url: string;
  /** PEM: what the server's certificate must chain to. */
  readonly ca: string;
  readonly agent?: Agent;
  /** For one whole answer, milliseconds; a third of it for connecting. */
  readonly timeoutMs: number;
}

/** Dogtag's longest answers, reviews and chains, are a few dozen KiB. */
const maxBytes = 4 * 1024 * 1024;

/** Whoever is shown to the server has one TLS connection, kept for the next question: a handshake takes longer than most answers. */
export function createConnection(parts: ConnectionParts): Connection {
  const { url, ca, agent } = parts;
  const nobody = new OneConnection(url, { ca });
  const theAgent = agent === undefined ? undefined : new OneConnection(url, { ca, cert: agent.certificate, key: agent.key });
  const once = (request: HttpRequest) => {
    if (request.asAgent !== true) return exchange(parts, nobody, request);
    if (theAgent === undefined)
      throw new HsmongerError(
        'AGENT_REFUSED',
        `The CA at ${url} lets only agents do this; name one with issuer.agent-certificate and issuer.agent-key.`,
      );
    return exchange(parts, theAgent, request);
  };
  return {
    url,
    hasAgent: agent !== undefined,
    send: async (request) => {
      try {
        return await once(request).catch((error: unknown) => {
          if (error instanceof Stale && request.method === 'GET') return once(request);
          throw error;
        });
      } catch (error) {
        throw connectionTrouble(error instanceof Stale ? error.cause : error, url, request.asAgent === true);
      }
    },
    greetAsAgent: () => theAgent?.ahead(),
    close: () => {
      nobody.destroy();
      theAgent?.destroy();
    },
  };
}

/**
 * The server hung up on a connection that had been used before, and said nothing: it may have been tired of it, or never have read the
 * question.
 */
class Stale extends Error {}

function isReset(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

function exchange(
  { url, timeoutMs }: ConnectionParts,
  agent: OneConnection,
  { method, path, asAgent = false, accept, body, cookie }: HttpRequest,
): Promise<HttpAnswer> {
  const target = new URL(path, url);
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(target, {
      method,
      agent,
      maxHeaderSize: 64 * 1024,
      headers: {
        accept,
        'user-agent': 'hsmonger',
        ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
        ...(cookie === undefined ? {} : { cookie }),
      },
    });
    const expire = (what: string, ms: number, Expired = TimedOut) =>
      setTimeout(() => outgoing.destroy(new Expired(`${what} within ${String(Math.ceil(ms / 1000))} seconds`)), ms);
    const connecting = expire('could not be connected to', timeoutMs / 3, NotConnected);
    const answering = expire('gave no whole answer', timeoutMs);
    const settle = () => {
      clearTimeout(connecting);
      clearTimeout(answering);
    };
    outgoing.on('socket', (socket) => {
      if (socket instanceof TLSSocket && socket.authorized) clearTimeout(connecting);
      else socket.once('secureConnect', () => clearTimeout(connecting));
    });
    outgoing.on('error', (error) => {
      settle();
      reject(outgoing.reusedSocket && isReset(error) ? new Stale('', { cause: error }) : error);
    });
    outgoing.on('response', (incoming) => {
      whole(incoming).then(
        (bytes) => {
          settle();
          resolve(answerOf(incoming, bytes, `${method} ${target.origin}${target.pathname}`, asAgent));
        },
        (error: unknown) => {
          settle();
          outgoing.destroy();
          reject(error instanceof Error ? error : new Error(sentenceOf(error)));
        },
      );
    });
    outgoing.end(body?.text);
  });
}

async function whole(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw new CutShort(`is larger than ${String(maxBytes / 1024 / 1024)} MiB, more than any of Dogtag's`);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof CutShort || error instanceof TimedOut) throw error;
    throw new CutShort('was cut short', { cause: error });
  }
  if (!incoming.complete) throw new CutShort('was cut short');
  return Buffer.concat(chunks);
}

function answerOf(incoming: IncomingMessage, body: Buffer, asked: string, asAgent: boolean): HttpAnswer {
  const { location, date = '', 'content-type': type = '', 'set-cookie': cookies = [] } = incoming.headers;
  const cookie = cookies.map((one) => one.split(';')[0] ?? '').join('; ');
  return {
    asked,
    asAgent,
    status: incoming.statusCode ?? 0,
    type: (type.split(';')[0] ?? '').trim().toLowerCase(),
    body,
    ...(location === undefined ? {} : { location }),
    ...(Number.isNaN(Date.parse(date)) ? {} : { date: new Date(date) }),
    ...(cookie === '' ? {} : { cookie }),
  };
}
