import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { Agent } from './agent.js';
import { connectionTrouble, CutShort, TimedOut } from './trouble.js';

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
  /** To be sent back. */
  readonly cookie?: string;
}

export interface Connection {
  readonly url: string;
  readonly hasAgent: boolean;
  /** Follows no redirect. Fails with CA_UNREACHABLE, CA_ANSWER_INVALID or AGENT_REFUSED where there is no whole answer. */
  send(request: HttpRequest): Promise<HttpAnswer>;
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

/** One TLS connection for each question: what a server does to one of them is not met again with the next. */
export function createConnection(parts: ConnectionParts): Connection {
  return {
    url: parts.url,
    hasAgent: parts.agent !== undefined,
    send: async (request) => {
      try {
        return await exchange(parts, request);
      } catch (error) {
        throw connectionTrouble(error, parts.url, request.asAgent === true);
      }
    },
  };
}

function exchange({ url, ca, agent, timeoutMs }: ConnectionParts, { method, path, asAgent = false, accept, body, cookie }: HttpRequest): Promise<HttpAnswer> {
  if (asAgent && agent === undefined) throw new HsmongerError('AGENT_REFUSED', `The CA at ${url} lets only agents do this; name one with issuer.agent-certificate and issuer.agent-key.`);
  const target = new URL(path, url);
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(target, {
      method,
      agent: false,
      ca,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      maxHeaderSize: 64 * 1024,
      ...(asAgent && agent !== undefined ? { cert: agent.certificate, key: agent.key } : {}),
      headers: {
        accept,
        'user-agent': 'hsmonger',
        ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': Buffer.byteLength(body.text) }),
        ...(cookie === undefined ? {} : { cookie }),
      },
    });
    const expire = (what: string, ms: number) => setTimeout(() => outgoing.destroy(new TimedOut(`${what} within ${String(Math.ceil(ms / 1000))} seconds`)), ms);
    const connecting = expire('could not be connected to', timeoutMs / 3);
    const answering = expire('gave no whole answer', timeoutMs);
    const settle = () => {
      clearTimeout(connecting);
      clearTimeout(answering);
    };
    outgoing.on('socket', (socket) => socket.once('secureConnect', () => clearTimeout(connecting)));
    outgoing.on('error', (error) => {
      settle();
      reject(error);
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
  const { location, 'content-type': type = '', 'set-cookie': cookies = [] } = incoming.headers;
  const cookie = cookies.map((one) => one.split(';')[0] ?? '').join('; ');
  return {
    asked,
    asAgent,
    status: incoming.statusCode ?? 0,
    type: (type.split(';')[0] ?? '').trim().toLowerCase(),
    body,
    ...(location === undefined ? {} : { location }),
    ...(cookie === '' ? {} : { cookie }),
  };
}
