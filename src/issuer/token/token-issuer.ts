import { caConfig } from '../../config/ca-config.js';
import type { Instance, TokenIssuerConfig } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { exclusively } from '../../ledger/exclusively.js';
import { findIssued, insertIssued } from '../../ledger/issued.js';
import type { Database } from '../../ledger/database.js';
import type { Token, TokenKey } from '../../pkcs11/token.js';
import type { Clock } from '../../platform/clock.js';
import { acceptable } from '../../x509/acceptable.js';
import type { Certificate } from '../../x509/certificate.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { parseCsr } from '../../x509/parse-csr.js';
import type { Path } from '../../x509/path.js';
import { keyFingerprint } from '../../x509/public-key.js';
import type { Enrolment, Issued, Issuer } from '../issuer.js';
import { requestKey } from '../request-key.js';
import { admit, type Admitted } from './admit.js';
import { askedDays, type Elsewhere } from './asked-days.js';
import { authorityKey, findAuthority, type Authority } from './authority.js';
import { decideIssue } from './decide.js';
import { limitsOf } from './issuance/limits.js';
import { assertNotWithdrawn } from './revocation/withdrawn.js';
import { signPlan } from './sign.js';

export interface TokenIssuerParts {
  readonly instance: Instance;
  readonly issuer: TokenIssuerConfig;
  /** Called once, when the token is first needed; close() closes it. */
  readonly openToken: () => Promise<Token>;
  /** What is known of the CAs above a key (DER SubjectPublicKeyInfo), beside what the token holds. */
  readonly above?: (spki: Uint8Array) => Promise<readonly Certificate[]>;
  /** Default: nothing can be read there. */
  readonly elsewhere?: Elsewhere;
  /** Stays the caller's to close. */
  readonly ledger: Database;
  readonly clock: Clock;
  /** Written beside every certificate. */
  readonly uid: number;
  /** How long to wait for other processes that are signing, milliseconds. Default: half the helper's deadline. */
  readonly busyMs?: number;
}

/** It signs at once: nothing is ever pending. */
interface TokenIssuer extends Issuer {
  enrol(enrolment: Enrolment): Promise<Issued>;
}

/** The CA whose key is on the instance's token. */
export function createTokenIssuer(parts: TokenIssuerParts): TokenIssuer {
  let opening: Promise<Token> | undefined;
  const token = () => (opening ??= parts.openToken());
  return {
    enrol: async (enrolment) => enrol(parts, await token(), enrolment),
    roots: async () => pathBytes((await findAuthority(await token(), parts.issuer.certificate, parts.clock(), parts.above)).path),
    close: async () => {
      await opening?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}

async function enrol(parts: TokenIssuerParts, token: Token, { csr, oldCertificate, profile, selfSigned }: Enrolment): Promise<Issued> {
  const { instance, issuer, ledger, clock } = parts;
  const request = parseCsr(csr);
  const old = oldCertificate === undefined ? undefined : parseCertificate(oldCertificate, 'The certificate to be renewed');
  const authority = await findAuthority(token, issuer.certificate, clock(), parts.above);
  const asked = admit({
    csr: request,
    ...(old === undefined ? {} : { old }),
    ...(profile === undefined ? {} : { profile }),
    ...(selfSigned === undefined ? {} : { selfSigned }),
    issuer: authority.certificate,
    issuerTracked: instance.certificates.some(({ nickname }) => nickname === issuer.certificate),
    lifetimeDays: issuer.lifetimeDays,
    backdateSeconds: issuer.backdateSeconds,
    ca: caConfig(instance),
    limits: limitsOf(authority),
  });
  const days =
    old === undefined
      ? undefined
      : await askedDays(instance.certificates, old, asked.order.profile.name, token, parts.elsewhere ?? (() => Promise.resolve([])));
  const admitted: Admitted = { ...asked, ...(days === undefined ? {} : { days }) };
  const withdrawal = { spki: request.spki, issuer: authority.certificate, ...(old === undefined ? {} : { old }) };
  const refuseWithdrawn = () => {
    assertNotWithdrawn(ledger, withdrawal);
    // What was handed out for this renewal may have been withdrawn before anybody saved it.
    const answered = old === undefined ? undefined : findIssued(ledger, keyOf(admitted));
    if (answered !== undefined) assertNotWithdrawn(ledger, { ...withdrawal, old: parseCertificate(answered.certificate) });
  };
  refuseWithdrawn();
  const answer = previous(parts, authority, admitted);
  if (answer !== undefined) return answer;
  // What has to wait is told so before anything needs a PIN.
  decideIssue(clock(), admitted);
  // Logs in: before the ledger is locked, because the PIN's guard has a lock of its own.
  const key = await authorityKey(token, authority);
  // One at a time from the look at what was issued to the commit: the same request in eight processes makes one certificate.
  return exclusively(ledger, parts.busyMs ?? instance.helper.deadlineSeconds * 500, async () => {
    // Somebody may have revoked it while this process waited.
    refuseWithdrawn();
    return previous(parts, authority, admitted) ?? (await issue(parts, token, authority, key, admitted));
  });
}

function keyOf({ csr, old, order, issuer }: Admitted): string {
  return requestKey({ csr, ...(old === undefined ? {} : { old }), profile: order.profile.name, issuer: keyFingerprint(issuer.spki) });
}

/** The answer given to the same request before, as long as it is still right today. */
function previous({ ledger, clock }: TokenIssuerParts, authority: Authority, admitted: Admitted): Issued | undefined {
  const row = findIssued(ledger, keyOf(admitted));
  if (row === undefined || row.revokedAt !== undefined) return undefined;
  const answer = answerFor(parseCertificate(row.certificate), authority, admitted, clock());
  return 'fault' in answer ? undefined : answer;
}

async function issue(
  { issuer, ledger, clock, uid }: TokenIssuerParts,
  token: Token,
  authority: Authority,
  key: TokenKey,
  admitted: Admitted,
): Promise<Issued> {
  const now = clock();
  const plan = decideIssue(now, admitted);
  const certificate = parseCertificate(await signPlan(token, authority, key, issuer, plan), 'The certificate just signed');
  const answer = answerFor(certificate, authority, admitted, now);
  if ('fault' in answer)
    throw new HsmongerError(
      'ISSUED_WRONG',
      `The certificate just signed for ${nameText(plan.subject)} is not handed out: ${answer.fault}.`,
    );
  insertIssued(ledger, {
    issuerKey: keyFingerprint(authority.certificate.spki),
    serial: Buffer.from(certificate.serial).toString('hex'),
    request: keyOf(admitted),
    profile: plan.profile.name,
    subject: nameText(plan.subject),
    subjectKey: keyFingerprint(certificate.spki),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    certificate: certificate.der,
    issuedAt: now,
    uid,
  });
  return answer;
}

/** The certificate with what stands above it, checked as certmonger would get it (design rule 3). */
function answerFor(
  issued: Certificate,
  { certificate, pool }: Authority,
  { csr, old }: Admitted,
  now: Date,
): Issued | { readonly fault: string } {
  const found = acceptable({ now, issued, authorities: [certificate, ...pool], csr, ...(old === undefined ? {} : { old }) });
  return 'fault' in found ? found : { certificate: issued.der, ...pathBytes(found) };
}

function pathBytes({ chain, roots }: Path): Pick<Issued, 'chain' | 'roots'> {
  return { chain: chain.map(({ der }) => der), roots: roots.map(({ der }) => der) };
}
