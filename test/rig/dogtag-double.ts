import 'reflect-metadata';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pem } from '../x509/material.js';
import { dropped, html, json, nameOfPeer, pkcs7, Refusal, send } from './dogtag-double/answers.js';
import type { World } from './dogtag-double/asked.js';
import { createAuthority } from './dogtag-double/authority.js';
import type { DogtagDouble, DoubleOptions } from './dogtag-double/double.js';
import { createLightweight } from './dogtag-double/lightweight.js';
import { createQueue } from './dogtag-double/queue.js';
import { rest } from './dogtag-double/rest.js';
import { servlet } from './dogtag-double/servlets.js';
import { createSessions } from './dogtag-double/sessions.js';

export type { DogtagDouble, DoubleOptions };

export async function startDogtagDouble(directory: string, options: DoubleOptions = {}): Promise<DogtagDouble> {
  const { interfaces = ['v2', 'v1', 'servlets'] } = options;
  const authority = await createAuthority(directory, options);
  const { ca } = authority;
  const queue = createQueue(authority, options);
  const lightweight = await createLightweight(authority, options);
  const address = () => `https://localhost:${String((https.address() as AddressInfo).port)}`;
  const world: World = { options, authority, queue, sessions: createSessions(), lightweight, address };

  const double: DogtagDouble = {
    get url() {
      return address();
    },
    caFile: authority.caFile,
    agent: authority.agent,
    wrongAgents: { stranger: authority.stranger, powerless: authority.powerless },
    asked: [],
    requests: queue.requests,
    ca,
    lightweight: () => lightweight!.certificate(),
    approveByHand: (id) => queue.complete(queue.found(id)),
    revoke: (serial) => queue.revoked.add(serial),
    pause: (ms) => {
      const { port } = https.address() as AddressInfo;
      https.close();
      https.closeAllConnections();
      const again = () => https.listen(port, 'localhost');
      // Somebody else's connection may have got the port meanwhile.
      const inTheWay = (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error;
        setTimeout(again, 100);
      };
      https.on('error', inTheWay).once('listening', () => https.off('error', inTheWay));
      setTimeout(again, ms);
    },
    close: () =>
      new Promise((resolve) => {
        https.closeAllConnections();
        https.close(() => resolve());
      }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = { request, response, who: nameOfPeer(request) };
    const route = request.url ?? '';
    double.asked.push(`${request.method ?? ''} ${route.split('?')[0]!}`);
    if (double.intercept?.(request, response) === true) return;
    const end = response.end.bind(response) as (...parts: unknown[]) => ServerResponse;
    response.end = ((...parts: unknown[]) => (double.cut?.() === true ? dropped(request, response) : end(...parts))) as typeof response.end;
    try {
      if (route === '/ca/admin/ca/getStatus')
        return send(
          response,
          'application/xml',
          '<?xml version="1.0"?><XMLResponse><State>1</State><Type>CA</Type><Status>running</Status></XMLResponse>',
        );
      if (route.startsWith('/ca/ee/ca/getCertChain'))
        return send(
          response,
          'application/xml',
          `<?xml version="1.0"?><XMLResponse><Status>0</Status><ChainBase64>${pkcs7(ca.certificate)}</ChainBase64></XMLResponse>`,
        );
      if (route.startsWith('/ca/v2/') && interfaces.includes('v2'))
        return await rest(world, { ...asked, version: 'v2', route: route.slice('/ca/v2'.length) });
      if (route.startsWith('/ca/rest/') && interfaces.includes('v1'))
        return await rest(world, { ...asked, version: 'v1', route: route.slice('/ca/rest'.length) });
      if (interfaces.includes('servlets')) return await servlet(world, route.slice('/ca/'.length).split('?')[0]!, asked);
      return html(response, 404);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.statusCode = error.status;
      return json(response, {
        Attributes: { Attribute: [] },
        ClassName: `com.netscape.certsrv.${error.className}`,
        Code: error.status,
        Message: error.message,
      });
    }
  };
  const https = createServer(
    {
      key: authority.server.keyPem,
      cert: authority.server.pem,
      ca: pem(ca.certificate.der),
      requestCert: true,
      rejectUnauthorized: options.clientCertificateRequired === true,
    },
    (request, response) => void answer(request, response),
  );
  await new Promise<void>((resolve) => https.listen(0, 'localhost', resolve));
  return double;
}
