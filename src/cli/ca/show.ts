import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { ShownCertificate } from '../../service/tasks/ca/issued-certificates.js';
import { describeExtensions } from '../../x509/extensions/describe-extension.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateToPem } from '../../x509/pem.js';
import { keyFacts, keyFingerprint } from '../../x509/public-key.js';
import { signatureScheme } from '../../x509/signature.js';
import type { AddCommand, Surroundings } from '../command.js';
import { nicknameFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { stateOf } from './list.js';

interface ShowOptions extends GlobalOptions {
  readonly serial: string | undefined;
  readonly nickname: string | undefined;
  readonly pem: boolean;
}

/** `ca show`: one certificate. */
export const addShow: AddCommand = (yargs, run) =>
  yargs.command(
    'show [serial]',
    'One certificate: what it says, its chain, how it was issued',
    (ca) =>
      ca
        .positional('serial', { type: 'string', describe: 'Serial number in hexadecimal' })
        .option('nickname', { ...nicknameFlag, describe: 'One on the token, by its nickname' })
        .option('pem', { type: 'boolean', default: false, describe: 'The certificate alone' }),
    run(show),
  );

async function show(options: ShowOptions, { io, env, clock }: Surroundings): Promise<number> {
  const shown = await askService(instanceOf(options, env), 'show certificate', whichOf(options));
  if (options.pem) {
    io.out(certificateToPem(shown.certificate));
    return 0;
  }
  const facts = factsOf(shown, clock());
  io.out(options.json ? json(facts) : textOf(facts));
  return 0;
}

function whichOf({ serial, nickname }: ShowOptions): { readonly serial: string } | { readonly nickname: string } {
  if ((serial === undefined) === (nickname === undefined))
    throw new HsmongerError(
      'USAGE',
      "Name one certificate: its serial number, as 'hsmonger ca list' and openssl show it, or --nickname for one that is on the token.",
    );
  return nickname === undefined ? { serial: serialOctets(serial ?? '') } : { nickname };
}

/** Content octets from what openssl, certutil and we print: case, colons, 0x and zeros in front do not count. */
function serialOctets(text: string): string {
  const digits = text
    .toLowerCase()
    .replace(/^0x/u, '')
    .replaceAll(':', '')
    .replace(/^0+(?=.)/u, '');
  if (!/^[0-9a-f]+$/u.test(digits)) throw new HsmongerError('USAGE', `'${text}' is no serial number; write it in hexadecimal.`);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  // An INTEGER is signed: a high first bit has a zero in front.
  return Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
}

function factsOf({ certificate: der, chain, chainFault, row }: ShownCertificate, now: Date) {
  const certificate = parseCertificate(der);
  const key = keyFacts(certificate.spki);
  const scheme = signatureScheme(certificate.signatureAlgorithm);
  return {
    serial: Buffer.from(certificate.serial).toString('hex'),
    subject: nameText(certificate.subject),
    issuer: nameText(certificate.issuer),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    state: stateOf({ notAfter: certificate.notAfter, ...(row?.revokedAt === undefined ? {} : { revokedAt: row.revokedAt }) }, now),
    ...(row?.revokedAt === undefined ? {} : { revoked: { at: row.revokedAt, reason: row.revocationReason ?? 'unspecified' } }),
    key: `${key.type} ${String(key.bits)}`,
    keyFingerprint: keyFingerprint(certificate.spki),
    signature: scheme === undefined ? 'unknown' : `${scheme.scheme}${scheme.digest === null ? '' : ` ${scheme.digest}`}`,
    extensions: describeExtensions(certificate),
    chain: chain.map((one) => nameText(parseCertificate(one).subject)),
    ...(chainFault === undefined ? {} : { chainFault }),
    ...(row === undefined ? {} : { issued: { at: row.issuedAt, profile: row.profile, request: row.request, uid: row.uid } }),
    pem: certificateToPem(der),
  };
}

function textOf(facts: ReturnType<typeof factsOf>): string {
  const lines: [string, string][] = [
    ['serial', facts.serial],
    ['subject', facts.subject],
    ['issuer', facts.issuer],
    ['not before', facts.notBefore.toISOString()],
    ['not after', facts.notAfter.toISOString()],
    ['state', facts.revoked === undefined ? facts.state : `revoked at ${facts.revoked.at.toISOString()}: ${facts.revoked.reason}`],
    ['key', `${facts.key}, SHA-256 ${facts.keyFingerprint}`],
    ['signature', facts.signature],
    ...facts.extensions.map(({ name, critical, value }): [string, string] => [name, `${critical ? 'critical, ' : ''}${value}`]),
    ['chain', facts.chainFault === undefined ? facts.chain.join(' < ') || 'a root' : `none: ${facts.chainFault}`],
    ...(facts.issued === undefined
      ? []
      : [
          ['issued', `${facts.issued.at.toISOString()} by profile ${facts.issued.profile}, request ${facts.issued.request}`] as [
            string,
            string,
          ],
        ]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines
    .map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${harmless(value)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}
