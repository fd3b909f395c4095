import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Certificate } from '../../../src/x509/certificate.js';
import type { DoubleRequest } from './double.js';

/** The common name of a client certificate of the double's own CA; '' without one. */
export function nameOfPeer(request: IncomingMessage): string {
  const { socket } = request;
  return socket instanceof TLSSocket && socket.authorized ? String(socket.getPeerCertificate().subject.CN) : '';
}

/** profileSubmit's answer, in its three forms. */
export function taking({ id, status, words }: DoubleRequest): string {
  if (status === 'complete')
    return `<Status>0</Status><Requests><Request><Id>${String(id)}</Id><SubjectDN>CN=x</SubjectDN></Request></Requests>`;
  return status === 'rejected'
    ? `<Status>3</Status><Error>${words === undefined ? '' : 'Request Rejected - Key &amp; Type'}</Error><RequestId>  ${String(id)}</RequestId>`
    : `<Status>2</Status><Error>Request Deferred - defer request</Error><RequestId>  ${String(id)}</RequestId>`;
}

/** The answer is lost on the way: what was done stays done. */
export function dropped(request: IncomingMessage, response: ServerResponse): ServerResponse {
  request.socket.destroy();
  return response;
}

/** Dogtag's PKIException. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly className: string,
    message: string,
  ) {
    super(message);
  }
}

export function send(response: ServerResponse, type: string, body: string): undefined {
  response.setHeader('content-type', type);
  response.end(body);
}

export function json(response: ServerResponse, value: unknown): undefined {
  return send(response, 'application/json', JSON.stringify(value));
}

/** Tomcat's page. */
export function html(response: ServerResponse, status: number): undefined {
  response.statusCode = status;
  return send(
    response,
    'text/html;charset=utf-8',
    `<!doctype html><html lang="en"><head><title>HTTP Status ${String(status)}</title></head><body><h1>HTTP Status ${String(status)}</h1></body></html>`,
  );
}

/** As Dogtag writes it: hex. */
export function serialOf(certificate: Certificate): string {
  return Buffer.from(certificate.serial).toString('hex');
}

/** PKCS#7 certs-only by OpenSSL's rules, put together by hand: base64. */
export function pkcs7(...certificates: readonly Certificate[]): string {
  const tlv = (tag: number, ...parts: Uint8Array[]) => {
    const content = Buffer.concat(parts);
    const length =
      content.length < 128
        ? [content.length]
        : content.length < 256
          ? [0x81, content.length]
          : [0x82, content.length >> 8, content.length & 0xff];
    return Buffer.concat([Uint8Array.from([tag, ...length]), content]);
  };
  const oid = (last: number) => Buffer.from([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last]);
  const signedData = tlv(
    0x30,
    Buffer.from([2, 1, 1]),
    tlv(0x31),
    tlv(0x30, oid(1)),
    tlv(0xa0, ...certificates.map(({ der }) => der)),
    tlv(0x31),
  );
  return tlv(0x30, oid(2), tlv(0xa0, signedData)).toString('base64');
}
