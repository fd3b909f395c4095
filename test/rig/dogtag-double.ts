import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as x509 from '@peculiar/x509';
import {
  extendedKeyUsage,
  caExtensions,
  dnsNames,
  makeCertificate,
  makeKeys,
  pem,
  usage,
  keyUsage,
  leafConstraints,
  day,
  type Keys,
} from '../x509/material.js';
import type { Certificate } from '../../src/x509/certificate.js';
import type { InterfaceName } from '../../src/issuer/dogtag/api.js';
import { dropped, html, json, nameOfPeer, pkcs7, Refusal, send, taking } from './dogtag-double/answers.js';

/**
 * A server that answers as Dogtag does, over real TLS: for the v2 interface, which the Dogtag of the laboratory lacks, and for failures the
 * real one cannot be made to show. JSON as the classes of com.netscape.certsrv write it, XML as captured from Dogtag 10.10.2.
 */
export interface DogtagDouble {
  readonly url: string;
  readonly caFile: string;
  readonly agent: { readonly certificate: string; readonly key: string };
  /** Agent certificates with a flaw. */
  readonly wrongAgents: Readonly<Record<'stranger' | 'powerless', { readonly certificate: string; readonly key: string }>>;
  /** "METHOD path" of every request, in order. */
  readonly asked: string[];
  /** What was taken in, by decimal number. */
  readonly requests: Map<number, DoubleRequest>;
  readonly ca: { readonly certificate: Certificate; readonly keys: Keys };
  /** Answers instead of the double where it returns true. */
  intercept?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Called when the double's own answer is ready: true, and it is never sent. */
  cut?: (() => boolean) | undefined;
  /** The lightweight CA's own certificate now. */
  lightweight(): Certificate;
  approveByHand(id: number): Promise<void>;
  revoke(serial: string): void;
  /** Refuses connections for a while. */
  pause(ms: number): void;
  close(): Promise<void>;
}

export interface DoubleRequest {
  readonly id: number;
  readonly csr: Buffer;
  readonly profile: string;
  status: 'pending' | 'complete' | 'rejected' | 'canceled';
  certificate?: Certificate;
  words?: string;
  /** bypassCAnotafter, as it was approved with. */
  outlives?: string | undefined;
}

export interface DoubleOptions {
  readonly interfaces?: readonly InterfaceName[];
  /** Wants the review's nonce back, in the review's session. Default true, as Dogtag's. */
  readonly nonces?: boolean;
  /** A profile that needs no agent. */
  readonly automatic?: readonly string[];
  /** Of its own certificate. Default 'localhost'. */
  readonly serverName?: string;
  readonly serverExpired?: boolean;
  /** Turns down the TLS connection of who shows no certificate of its CA. */
  readonly clientCertificateRequired?: boolean;
  /**
   * Days a certificate lives; a CA's is cut at its issuer's end, as Dogtag does, unless its approval says bypassCAnotafter. Default 720.
   */
  readonly days?: number;
  /** Does not look at bypassCAnotafter in an approval, as Dogtag since 11.1. */
  readonly cutsCa?: boolean;
  readonly lightweight?: {
    readonly id: string;
    readonly keys: Keys;
    readonly subject: string;
    readonly renewable: boolean;
    readonly ready?: boolean;
  };
}

export async function startDogtagDouble(directory: string, options: DoubleOptions = {}): Promise<DogtagDouble> {
  const { interfaces = ['v2', 'v1', 'servlets'], nonces = true, automatic = [], days = 720 } = options;
  const now = Date.now();
  const keys = await makeKeys('p256');
  const ca = {
    keys,
    certificate: await makeCertificate({
      keys,
      subject: 'O=DOUBLE, CN=CA Signing Certificate',
      notBefore: new Date(now - day),
      notAfter: new Date(now + 1000 * day),
      extensions: caExtensions(),
      serial: '01',
    }),
  };
  const issue = async (spki: Uint8Array, subject: string, extra: Partial<Parameters<typeof makeCertificate>[0]> = {}) => {
    const publicKey = await webcrypto.subtle.importKey(
      'spki',
      spki,
      spki.length < 200 ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      true,
      ['verify'],
    );
    return makeCertificate({
      keys: { ...keys, pair: { ...keys.pair, publicKey } },
      by: ca,
      subject,
      notBefore: new Date(now - day),
      notAfter: new Date(Date.now() + days * day),
      serial: randomBytes(8).fill(0x11, 0, 1).toString('hex'),
      extensions: [leafConstraints()],
      ...extra,
    });
  };
  const identity = async (
    name: string,
    subject: string,
    by?: { keys: Keys; certificate: Certificate },
    extra: Partial<Parameters<typeof makeCertificate>[0]> = {},
  ) => {
    const own = await makeKeys('p256');
    const certificate = await makeCertificate({
      keys: own,
      by: by ?? ca,
      subject,
      notBefore: new Date(now - 2 * day),
      notAfter: new Date(now + 90 * day),
      extensions: [
        leafConstraints(),
        extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'),
        dnsNames(options.serverName ?? 'localhost'),
      ],
      serial: randomBytes(8).fill(0x22, 0, 1).toString('hex'),
      ...extra,
    });
    const files = { certificate: path.join(directory, `${name}.pem`), key: path.join(directory, `${name}.key`) };
    writeFileSync(files.certificate, pem(certificate.der));
    writeFileSync(files.key, own.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
    return { ...files, pem: pem(certificate.der), keyPem: own.privateKey.export({ format: 'pem', type: 'pkcs8' }) };
  };
  const caFile = path.join(directory, 'ca.pem');
  writeFileSync(caFile, pem(ca.certificate.der));
  const strangeKeys = await makeKeys('p256');
  const strange = {
    keys: strangeKeys,
    certificate: await makeCertificate({
      keys: strangeKeys,
      subject: 'CN=Stranger',
      notAfter: new Date(now + 90 * day),
      extensions: caExtensions(),
    }),
  };
  const server = await identity(
    'server',
    'O=DOUBLE, CN=server',
    undefined,
    options.serverExpired === true ? { notBefore: new Date(now - 9 * day), notAfter: new Date(now - day) } : {},
  );
  const agent = await identity('agent', 'O=DOUBLE, CN=agent');
  const stranger = await identity('stranger', 'O=DOUBLE, CN=agent', strange);
  const powerless = await identity('powerless', 'O=DOUBLE, CN=powerless');

  const requests = new Map<number, DoubleRequest>();
  const revoked = new Set<string>();
  const sessions = new Map<string, Map<number, string>>();
  const loggedIn = new Set<string>();
  const sessionOf = (request: IncomingMessage) => /JSESSIONID=(\w+)/u.exec(request.headers.cookie ?? '')?.[1] ?? '';
  const openSession = (response: ServerResponse) => {
    const session = randomBytes(16).toString('hex');
    response.setHeader('set-cookie', `JSESSIONID=${session}; Path=/ca; Secure; HttpOnly`);
    return session;
  };
  let lightweight =
    options.lightweight === undefined
      ? undefined
      : await issue(options.lightweight.keys.spki, options.lightweight.subject, {
          extensions: caExtensions(),
          notAfter: new Date(now + 20 * day),
        });

  const complete = async (request: DoubleRequest) => {
    const csr = new x509.Pkcs10CertificateRequest(Uint8Array.from(request.csr));
    const isCa = request.profile === 'caCACert';
    const life = isCa
      ? {
          notAfter: new Date(
            Math.min(
              request.outlives === 'true' && options.cutsCa !== true ? Infinity : ca.certificate.notAfter.getTime(),
              Date.now() + days * day,
            ),
          ),
          extensions: caExtensions(),
        }
      : { extensions: [leafConstraints(), keyUsage(usage.digitalSignature)] };
    request.certificate = await issue(new Uint8Array(csr.publicKey.rawData), csr.subject, life);
    request.status = 'complete';
  };
  const submit = async (der: Buffer, profile: string, who: string) => {
    if (!/^ca[A-Za-z0-9]+$/u.test(profile) || profile === 'caNope')
      throw new Refusal(400, 'base.BadRequestException', `Bad request data: Profile ${profile} Not Found`);
    if (profile === 'caDisabled') throw new Refusal(400, 'base.BadRequestException', `Bad request data: Profile ${profile} not enabled`);
    if (profile === 'caAuthenticated' && who !== 'agent')
      throw new Refusal(500, 'base.PKIException', 'Unable to create enrollment request: Error: Failed Authentication');
    const request: DoubleRequest = { id: requests.size + 7, csr: der, profile, status: 'pending' };
    requests.set(request.id, request);
    if (profile === 'caRejected') Object.assign(request, { status: 'rejected', words: 'Request Key Type RSA Not Matched <b>\n\u0007' });
    else if (automatic.includes(profile) || profile === 'caAuthenticated') await complete(request);
    return request;
  };
  const found = (id: number) => {
    const request = requests.get(id);
    if (request === undefined) throw new Refusal(404, 'request.RequestNotFoundException', `Request ID 0x${id.toString(16)} not found`);
    return request;
  };
  const serialOf = (certificate: Certificate) => Buffer.from(certificate.serial).toString('hex');

  const rest = async (version: 'v1' | 'v2', route: string, request: IncomingMessage, response: ServerResponse, who: string) => {
    const base = version === 'v2' ? '/ca/v2' : '/ca/rest';
    const method = request.method ?? '';
    const info = (one: DoubleRequest) => ({
      ...(version === 'v2'
        ? { requestID: `0x${one.id.toString(16)}` }
        : {
            requestURL: `${address()}${base}/certrequests/${String(one.id)}`,
            realm: null,
            certId: null,
            certURL: null,
            errorMessage: null,
          }),
      requestType: 'enrollment',
      requestStatus: one.status,
      certRequestType: 'pkcs10',
      operationResult: one.status === 'rejected' ? 'error' : 'success',
      ...(one.words === undefined ? {} : { errorMessage: one.words }),
      ...(one.certificate === undefined ? {} : { certId: `0x${serialOf(one.certificate)}` }),
    });
    const certificateData = (certificate: Certificate) => ({
      id: `0x${serialOf(certificate)}`,
      Encoded: pem(certificate.der).replaceAll('\n', '\r\n'),
      PKCS7CertChain: pkcs7(certificate, ca.certificate),
      Status: revoked.has(serialOf(certificate)) ? 'REVOKED' : 'VALID',
    });
    const onlyAgents = () => {
      if (who === '') return html(response, 401);
      if (who !== 'agent') throw new Refusal(403, 'base.ForbiddenException', 'Authorization Error');
      return true;
    };
    let match: RegExpExecArray | null;
    if (route === '/account/login') {
      if (onlyAgents() !== true) return undefined;
      loggedIn.add(openSession(response));
      return json(response, { id: who, Roles: { Role: ['Administrators'] } });
    }
    if (route === '/info') return json(response, { Version: '11.6.0', Attributes: { Attribute: [] } });
    if (route.startsWith('/certrequests') && method === 'POST') {
      const body = JSON.parse(await text(request)) as { ProfileID: string; Input: { Attribute: { name: string; Value: string }[] }[] };
      const value = body.Input.flatMap(({ Attribute }) => Attribute).find(({ name }) => name === 'cert_request')?.Value ?? '';
      const taken = await submit(Buffer.from(value, 'base64'), body.ProfileID, who);
      return json(response, { total: 1, entries: [info(taken)], ...(version === 'v1' ? { Link: [] } : {}) });
    }
    if ((match = /^\/certrequests\/(\w+)$/u.exec(route)) !== null) return json(response, info(found(Number(match[1]))));
    if (route.startsWith('/agent/certrequests?')) {
      if (onlyAgents() !== true) return undefined;
      return json(response, {
        total: requests.size,
        entries: [...requests.values()].filter(({ status }) => status === 'pending').map(info),
      });
    }
    if ((match = /^\/agent\/certrequests\/(\w+)$/u.exec(route)) !== null) {
      if (onlyAgents() !== true) return undefined;
      const one = found(Number(match[1]));
      const nonce = String(randomBytes(7).readUIntBE(0, 6));
      sessions.set(openSession(response), new Map([[one.id, nonce]]));
      return json(response, {
        requestId: String(one.id),
        requestStatus: one.status,
        ProfileID: one.profile,
        Renewal: false,
        ...(nonces ? { nonce } : {}),
        Input: [
          {
            id: null,
            ClassID: 'CertReqInput',
            Name: 'Certificate Request Input',
            Attribute: [
              { name: 'cert_request_type', Value: 'pkcs10', Descriptor: null },
              { name: 'cert_request', Value: pem(one.csr, 'CERTIFICATE REQUEST'), Descriptor: null },
            ],
          },
        ],
        ProfilePolicySet: [
          {
            policies: [
              { id: null, def: { id: 'Subject Name Default', policyAttribute: [{ name: 'name', Value: 'kept as it is' }] } },
              {
                id: null,
                def: {
                  id: 'CA Certificate Validity Default',
                  policyAttribute: [
                    { name: 'notAfter', Value: '2046-11-25 20:15:24' },
                    { name: 'bypassCAnotafter', Value: 'false', Descriptor: { Syntax: 'boolean', Constraint: null } },
                  ],
                },
              },
            ],
          },
        ],
      });
    }
    if ((match = /^\/agent\/certrequests\/(\w+)\/approve$/u.exec(route)) !== null && method === 'POST') {
      if (onlyAgents() !== true) return undefined;
      const body = JSON.parse(await text(request)) as {
        nonce?: string;
        requestId: string;
        ProfilePolicySet?: { policies: { def: { policyAttribute: { name: string; Value: string }[] } }[] }[];
      };
      const one = found(Number(match[1]));
      if (nonces && (body.nonce === undefined || sessions.get(sessionOf(request))?.get(one.id) !== body.nonce))
        throw new Refusal(400, 'base.BadRequestException', 'Missing nonce');
      if (body.requestId !== String(one.id) || body.ProfilePolicySet?.length !== 1)
        throw new Refusal(400, 'base.BadRequestException', 'Bad request data: the review did not come back whole');
      const values = new Map(
        body.ProfilePolicySet.flatMap(({ policies }) =>
          policies.flatMap(({ def }) => def.policyAttribute.map(({ name, Value }) => [name, Value] as const)),
        ),
      );
      if (values.get('name') !== 'kept as it is' || values.get('notAfter') !== '2046-11-25 20:15:24')
        throw new Refusal(400, 'base.BadRequestException', 'Bad request data: another value came back');
      one.outlives = values.get('bypassCAnotafter');
      if (one.status !== 'pending') throw new Refusal(400, 'base.BadRequestException', 'Bad request data: Request Not In Pending State');
      if (one.profile === 'caConstrained') {
        one.status = 'rejected';
        throw new Refusal(400, 'base.BadRequestException', 'Profile caConstrained - Rejected: Validity Out of Range 720');
      }
      await complete(one);
      response.writeHead(204).end();
      return undefined;
    }
    if (route.startsWith('/certs/search') && method === 'POST') {
      const search = JSON.parse(await text(request)) as { commonName: string; issuedOnFrom: string };
      const issued = [...requests.values()].flatMap(({ certificate, csr }) =>
        certificate !== undefined && new x509.Pkcs10CertificateRequest(Uint8Array.from(csr)).subject.includes(search.commonName)
          ? [certificate]
          : [],
      );
      return json(response, {
        total: issued.length,
        entries: issued.map((certificate) => ({ id: `0x${serialOf(certificate)}`, Status: 'VALID' })),
      });
    }
    if ((match = /^\/certs\/(?:0x)?(\w+)$/u.exec(route)) !== null) {
      const certificate = [...requests.values()]
        .map((one) => one.certificate)
        .find((one) => one !== undefined && serialOf(one) === match?.[1]);
      if (certificate === undefined) throw new Refusal(404, 'cert.CertNotFoundException', 'Certificate ID not found');
      return json(response, certificateData(certificate));
    }
    if ((match = /^\/authorities\/([\w-]+)(\/cert|\/chain|\/renew)?$/u.exec(route)) !== null) {
      const light = options.lightweight;
      if (lightweight === undefined || light === undefined || match[1] !== light.id)
        throw new Refusal(404, 'base.ResourceNotFoundException', `CA "${match[1] ?? ''}" not found`);
      switch (match[2]) {
        case '/cert':
          if (light.ready === false)
            throw new Refusal(404, 'base.ResourceNotFoundException', `Certificate for CA "${light.id}" not available`);
          return send(response, 'application/x-pem-file', pem(lightweight.der));
        case '/chain':
          return send(
            response,
            'application/x-pem-file',
            `-----BEGIN PKCS7-----\n${pkcs7(lightweight, ca.certificate)}\n-----END PKCS7-----\n`,
          );
        case '/renew':
          if (!light.renewable) return html(response, 404);
          if (!loggedIn.has(sessionOf(request))) throw new Refusal(403, 'base.ForbiddenException', 'No user principal provided.');
          // Valid from the second it is issued in, as a CA does it: here always a later one than that it was asked in.
          await sleep(1020 - (Date.now() % 1000));
          lightweight = await issue(light.keys.spki, light.subject, {
            extensions: caExtensions(),
            notBefore: new Date(Math.floor(Date.now() / 1000) * 1000),
            notAfter: new Date(now + days * day),
          });
          response.writeHead(204).end();
          return undefined;
        case undefined:
        default:
          return json(response, {
            isHostAuthority: false,
            id: match[1],
            parentID: '7077b688-5c6d-4853-b581-0e33192c2eef',
            dn: light.subject,
            enabled: true,
          });
      }
    }
    return html(response, 404);
  };

  const servlet = async (name: string, request: IncomingMessage, response: ServerResponse, who: string) => {
    const url = new URL(request.url ?? '', 'https://localhost');
    const fields = request.method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams;
    const id = Number(fields.get('requestId'));
    const one = requests.get(id);
    const page = (inner: string) => send(response, 'text/xml', `<xml>\n<output>\n<set>\n${inner}\n</set>\n</output>\n</xml>\n`);
    const error = (code: number, words: string) =>
      page(`<errorReason>\n${words}\n</errorReason>\n<errorCode>\n${String(code)}\n</errorCode>`);
    switch (name) {
      case 'ee/ca/profileSubmit':
      case 'eeca/ca/profileSubmitSSLClient':
        try {
          const taken = await submit(Buffer.from(fields.get('cert_request') ?? '', 'base64'), fields.get('profileId') ?? '', who);
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
          await complete(one);
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
  };

  const double: DogtagDouble = {
    get url() {
      return address();
    },
    caFile,
    agent,
    wrongAgents: { stranger, powerless },
    asked: [],
    requests,
    ca,
    lightweight: () => lightweight!,
    approveByHand: (id) => complete(found(id)),
    revoke: (serial) => revoked.add(serial),
    pause: (ms) => {
      const { port } = https.address() as AddressInfo;
      https.close();
      https.closeAllConnections();
      setTimeout(() => https.listen(port, 'localhost'), ms);
    },
    close: () =>
      new Promise((resolve) => {
        https.closeAllConnections();
        https.close(() => resolve());
      }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const peer = nameOfPeer(request);
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
        return await rest('v2', route.slice('/ca/v2'.length), request, response, peer);
      if (route.startsWith('/ca/rest/') && interfaces.includes('v1'))
        return await rest('v1', route.slice('/ca/rest'.length), request, response, peer);
      if (interfaces.includes('servlets')) return await servlet(route.slice('/ca/'.length).split('?')[0]!, request, response, peer);
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
      key: server.keyPem,
      cert: server.pem,
      ca: pem(ca.certificate.der),
      requestCert: true,
      rejectUnauthorized: options.clientCertificateRequired === true,
    },
    (request, response) => void answer(request, response),
  );
  const address = () => `https://localhost:${String((https.address() as AddressInfo).port)}`;
  await new Promise<void>((resolve) => https.listen(0, 'localhost', resolve));
  return double;
}
