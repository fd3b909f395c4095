import { text } from 'node:stream/consumers';
import * as x509 from '@peculiar/x509';
import type { Certificate } from '../../../src/x509/certificate.js';
import { pem } from '../../x509/material.js';
import { json, pkcs7, Refusal, serialOf } from './answers.js';
import type { RestAsked, World } from './asked.js';

/** The search for certificates, and one of them; false where it is none of these. */
export async function answerCertificates(world: World, { route, request, response }: RestAsked): Promise<boolean> {
  const { requests } = world.queue;
  if (route.startsWith('/certs/search') && request.method === 'POST') {
    const search = JSON.parse(await text(request)) as { commonName: string; issuedOnFrom: string };
    const issued = [...requests.values()].flatMap(({ certificate, csr }) =>
      certificate !== undefined && new x509.Pkcs10CertificateRequest(Uint8Array.from(csr)).subject.includes(search.commonName)
        ? [certificate]
        : [],
    );
    json(response, {
      total: issued.length,
      entries: issued.map((certificate) => ({ id: `0x${serialOf(certificate)}`, Status: 'VALID' })),
    });
    return true;
  }
  const serial = /^\/certs\/(?:0x)?(\w+)$/u.exec(route)?.[1];
  if (serial !== undefined) {
    const certificate = [...requests.values()].map((one) => one.certificate).find((one) => one !== undefined && serialOf(one) === serial);
    if (certificate === undefined) throw new Refusal(404, 'cert.CertNotFoundException', 'Certificate ID not found');
    json(response, certificateData(world, certificate));
    return true;
  }
  return false;
}

function certificateData({ queue, authority }: World, certificate: Certificate): object {
  return {
    id: `0x${serialOf(certificate)}`,
    Encoded: pem(certificate.der).replaceAll('\n', '\r\n'),
    PKCS7CertChain: pkcs7(certificate, authority.ca.certificate),
    Status: queue.revoked.has(serialOf(certificate)) ? 'REVOKED' : 'VALID',
  };
}
