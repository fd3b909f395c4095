import { text } from 'node:stream/consumers';
import { pem } from '../../x509/material.js';
import { html, send, taking } from './answers.js';
import type { Asked, World } from './asked.js';

/** Dogtag's old interface, in XML. `name`: the path below /ca/. */
export async function servlet(
  { queue, options: { nonces = true } }: World,
  name: string,
  { request, response, who }: Asked,
): Promise<undefined> {
  const url = new URL(request.url ?? '', 'https://localhost');
  const fields = request.method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams;
  const id = Number(fields.get('requestId'));
  const one = queue.requests.get(id);
  const page = (inner: string) => send(response, 'text/xml', `<xml>\n<output>\n<set>\n${inner}\n</set>\n</output>\n</xml>\n`);
  const error = (code: number, words: string) =>
    page(`<errorReason>\n${words}\n</errorReason>\n<errorCode>\n${String(code)}\n</errorCode>`);
  switch (name) {
    case 'ee/ca/profileSubmit':
    case 'eeca/ca/profileSubmitSSLClient':
      try {
        const taken = await queue.submit(Buffer.from(fields.get('cert_request') ?? '', 'base64'), fields.get('profileId') ?? '', who);
        return send(
          response,
          'application/xml',
          `<?xml version="1.0" encoding="UTF-8" standalone="no"?><XMLResponse>${taking(taken)}</XMLResponse>`,
        );
      } catch (caught) {
        return send(
          response,
          'application/xml',
          `<?xml version="1.0"?><XMLResponse><Status>1</Status><Error>${(caught as Error).message}</Error></XMLResponse>`,
        );
      }
    case 'ee/ca/checkRequest':
      if (one === undefined)
        return send(
          response,
          'application/xml',
          `<?xml version="1.0"?><xml><header/><fixed><unexpectedError>Request ID ${String(id)} was not found in the request queue.</unexpectedError><requestStatus>7</requestStatus></fixed><records/></xml>`,
        );
      return send(
        response,
        'application/xml',
        `<?xml version="1.0"?><xml><header><status>${one.status}</status><requestId>${String(id)}</requestId></header><fixed/><records/></xml>`,
      );
    case 'agent/ca/profileReview':
      if (who !== 'agent') return error(1, who === '' ? 'Authentication Error' : 'Authorization Error');
      return page(
        `<record><list><record><set><defList><list><defList><set><defId>\nname\n</defId><defVal>\nCN=a &amp; b\n</defVal></set></defList></list></defList></set><set><defList><list><defList><set><defId>\nbypassCAnotafter\n</defId><defVal>\nfalse\n</defVal></set></defList></list></defList></set></record></list></record><inputList><list><inputList><set><inputId>\ncert_request\n</inputId><inputVal>\n${pem(one?.csr ?? Buffer.alloc(0), 'CERTIFICATE REQUEST').replaceAll('\n', '&#13;\n')}\n</inputVal></set></inputList></list></inputList><errorCode>\n0\n</errorCode>${nonces ? `<nonce>\n4711\n</nonce>` : ''}`,
      );
    case 'agent/ca/profileProcess':
      if (who !== 'agent') return error(1, 'Authorization Error');
      if (nonces && fields.get('nonce') !== '4711') return error(1, 'Missing nonce');
      if (fields.get('name') !== 'CN=a & b') return error(1, 'the review did not come back whole');
      if (one?.status === 'pending') {
        one.outlives = fields.get('bypassCAnotafter') ?? undefined;
        await queue.complete(one);
      }
      return error(0, '');
    case 'ee/ca/displayCertFromRequest':
      return send(
        response,
        'application/xml',
        `<?xml version="1.0"?><xml><header/><fixed/><records><record><base64Cert>${pem(one?.certificate?.der ?? Buffer.alloc(0)).replaceAll('\n', '&#13;\n')}</base64Cert></record></records></xml>`,
      );
    default:
      return html(response, 404);
  }
}
