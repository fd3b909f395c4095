import { createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { derFault } from '../../x509/der.js';
import type { OcspAnswer } from './responder.js';

/** A hundred certificates asked about at once, with certificates and a signature of the client's. */
const maxBody = 64 * 1024;
const requestType = 'application/ocsp-request';
const responseType = 'application/ocsp-response';

/** Serves OCSP over HTTP (RFC 6960 appendix A). */
export function serveOcsp(server: Server, answer: (request: Uint8Array) => Promise<OcspAnswer>, clock: () => Date): void {
  server.on('request', (request, response) => {
    handle(request, response, answer, clock).catch(() => {
      response.destroy();
    });
  });
  server.on('clientError', (_error, socket) => {
    socket.destroy();
  });
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: Uint8Array) => Promise<OcspAnswer>,
  clock: () => Date,
): Promise<void> {
  switch (request.method) {
    case 'GET':
    case 'HEAD': {
      request.resume();
      const asked = fromPath(request.url ?? '/');
      if (asked === undefined)
        refuse(response, 400, 'This is an OCSP responder (RFC 6960): the path of a GET request is the base64 of an OCSPRequest.\n');
      else send(response, await answer(asked), clock(), request.method);
      return;
    }
    case 'POST': {
      if (mediaType(request) !== requestType) {
        request.resume();
        refuse(response, 415, `The body of a request is of the type ${requestType}.\n`);
        return;
      }
      const asked = await bodyOf(request);
      if (asked === undefined) refuse(response, 413, `A request has at most ${String(maxBody)} octets.\n`);
      else send(response, await answer(asked), clock(), request.method);
      return;
    }
    case undefined:
    default:
      request.resume();
      response.setHeader('allow', 'GET, HEAD, POST');
      refuse(response, 405, 'An OCSP request is a GET or a POST.\n');
  }
}

/**
 * The request in a path: base64, escaped or not, behind whatever the server in front of us has put before it. Where base64 has slashes of
 * its own the first place that reads as one DER element is it.
 */
export function fromPath(url: string): Uint8Array | undefined {
  const [pathOnly = ''] = url.split('?', 1);
  let text: string;
  try {
    text = decodeURIComponent(pathOnly);
  } catch {
    return undefined;
  }
  let at = text.indexOf('/');
  // A real one is some way into the path at most.
  for (let tries = 0; at !== -1 && tries < 32; tries++, at = text.indexOf('/', at + 1)) {
    const rest = text.slice(at + 1);
    if (!/^[A-Za-z0-9+/]+={0,2}$/u.test(rest)) continue;
    const der = Uint8Array.from(Buffer.from(rest, 'base64'));
    if (derFault(der) === undefined) return der;
  }
  return undefined;
}

function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Undefined for one that is too large; no more of it is read. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > maxBody) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += (chunk as Buffer).length;
    if (length > maxBody) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}

function send(response: ServerResponse, answer: OcspAnswer, now: Date, method: string): void {
  response.writeHead(200, {
    'content-type': responseType,
    'content-length': answer.der.length,
    date: now.toUTCString(),
    ...caching(answer, now, method),
  });
  response.end(method === 'HEAD' ? undefined : answer.der);
}

/** RFC 5019 §6.2, for what may be kept: an answer to a GET without a nonce. */
function caching(answer: OcspAnswer, now: Date, method: string): Record<string, string> {
  if (answer.kind === 'failure' || answer.forOne || method === 'POST') return { 'cache-control': 'no-store' };
  const seconds = Math.max(0, Math.floor((answer.nextUpdate.getTime() - now.getTime()) / 1000));
  return {
    'last-modified': answer.thisUpdate.toUTCString(),
    expires: answer.nextUpdate.toUTCString(),
    etag: `"${createHash('sha1').update(answer.der).digest('hex')}"`,
    'cache-control': `max-age=${String(seconds)}, public, no-transform, must-revalidate`,
  };
}

/** The connection ends with it: what else comes on it is not read. */
function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', connection: 'close' });
  response.end(why);
}
