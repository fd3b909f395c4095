import { HsmongerError } from '../errors.js';

const kinds = {
  certificate: { labels: ['CERTIFICATE', 'X509 CERTIFICATE'], code: 'CERTIFICATE_INVALID', what: 'certificate' },
  // NEW … is what older Netscape-descended tools write.
  request: { labels: ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'], code: 'CSR_INVALID', what: 'certificate request' },
  crl: { labels: ['X509 CRL'], code: 'CRL_INVALID', what: 'CRL' },
} as const;

type PemKind = keyof typeof kinds;

const begin = /^-----BEGIN ([A-Z0-9 ]+)-----$/u;
const base64Octets = /^[A-Za-z0-9+/]*={0,2}$/u;

/** Without a group that repeats: V8 keeps a place to go back to for each time it does, and a CRL of some megabytes overflows its stack. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && base64Octets.test(text);
}

/**
 * The DER of the one block of this kind in `text` (RFC 7468, text around it allowed); CERTIFICATE_INVALID, CSR_INVALID or CRL_INVALID when
 * there is none, more than one, or it is not base64. `where` names the text in the message.
 */
function decodePem(kind: PemKind, text: string, where: string): Uint8Array {
  const { labels, code, what } = kinds[kind];
  const refuse = (why: string) => new HsmongerError(code, `${where} must hold exactly one PEM ${what}, but ${why}.`);
  const blocks = pemBlocks(text, labels);
  const [block, second] = blocks;
  if (block === undefined) throw refuse('there is none');
  if (second !== undefined) throw refuse(`there are ${String(blocks.length)}`);
  if (!block.ended) throw refuse('its END line is missing');
  if (block.body === '' || !isBase64(block.body)) throw refuse('what is between its BEGIN and END lines is not base64');
  return Uint8Array.from(Buffer.from(block.body, 'base64'));
}

function pemBlocks(text: string, labels: readonly string[]): { readonly body: string; readonly ended: boolean }[] {
  const blocks: { body: string; ended: boolean }[] = [];
  let end: string | undefined;
  let body: string[] = [];
  const finish = (ended: boolean) => {
    blocks.push({ body: body.join(''), ended });
    end = undefined;
    body = [];
  };
  for (const line of text.split(/\r\n|\n|\r/u).map((raw) => raw.trim())) {
    if (end === undefined) {
      const label = begin.exec(line)?.[1];
      if (label !== undefined && labels.includes(label)) end = `-----END ${label}-----`;
    } else if (line === end) {
      finish(true);
    } else {
      body.push(line.replace(/[ \t]/gu, ''));
    }
  }
  if (end !== undefined) finish(false);
  return blocks;
}

/** PEM of DER bytes: ASCII, 64 columns, one newline at the end. */
function encodePem(kind: PemKind, der: Uint8Array): string {
  const label = kinds[kind].labels[0];
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/gu) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** CERTIFICATE_INVALID unless `text` holds exactly one PEM certificate; see decodePem(). */
export function certificateFromPem(text: string, where = 'The text given as a certificate'): Uint8Array {
  return decodePem('certificate', text, where);
}

/** CSR_INVALID unless `text` holds exactly one PEM request. */
export function csrFromPem(text: string, where = 'The text given as a certificate request'): Uint8Array {
  return decodePem('request', text, where);
}

/** CRL_INVALID unless `text` holds exactly one PEM CRL. */
export function crlFromPem(text: string, where: string): Uint8Array {
  return decodePem('crl', text, where);
}

export function crlToPem(der: Uint8Array): string {
  return encodePem('crl', der);
}

export function certificateToPem(der: Uint8Array): string {
  return encodePem('certificate', der);
}

export function csrToPem(der: Uint8Array): string {
  return encodePem('request', der);
}

/** The DER of every PEM certificate in `text`, in its order; CERTIFICATE_INVALID when one of them is none. */
export function certificatesFromPem(text: string, where: string): Uint8Array[] {
  return pemBlocks(text, kinds.certificate.labels).map(({ body, ended }, index) => {
    if (!ended || body === '' || !isBase64(body))
      throw new HsmongerError('CERTIFICATE_INVALID', `PEM block ${String(index + 1)} of ${where} is not base64 up to its END line.`);
    return Uint8Array.from(Buffer.from(body, 'base64'));
  });
}
