import path from 'node:path';
import { stateDirectory } from '../../config/directories.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import type { CaAtHand } from '../../issuer/token/revocation/responder-key.js';
import { readBoundedFile } from '../../platform/bounded-file.js';
import { writeDurably } from '../../platform/durable-file.js';
import type { Certificate } from '../../x509/certificate.js';
import { equalBytes } from '../../x509/der.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { role } from '../../x509/path.js';
import type { ServiceContext } from '../context.js';
import { ownAuthority, tokenIssuerOf } from '../own-authority.js';
import type { OcspTokens } from './signer.js';

const maxBytes = 1024 * 1024;

/** A token that is not there, or no more, as against one that does not do. */
export function isAway(error: unknown): error is HsmongerError {
  return error instanceof HsmongerError && ['TOKEN_NOT_FOUND', 'TOKEN_FAILED', 'SESSION_LOST'].includes(error.code);
}

/**
 * The instance's CA by its token, or, where that is away and the responder's certificate may lie on another, as it was last seen: the root's
 * token may lie in a safe. Its certificate is public, and kept where the ledger is, which says what the answers say.
 */
export async function findCa(context: ServiceContext, { home, further }: OcspTokens, log: (message: string) => void): Promise<CaAtHand> {
  try {
    if (home instanceof HsmongerError) throw home;
    const authority = await ownAuthority(context, home);
    if (further.length > 0) remember(context, authority.certificate, log);
    return { kind: 'there', certificate: authority.certificate, token: home, authority };
  } catch (error) {
    const certificate = further.length > 0 && isAway(error) ? remembered(context) : undefined;
    if (certificate === undefined || !isAway(error)) throw error;
    return { kind: 'away', certificate, why: error };
  }
}

function fileOf({ directories, instance }: ServiceContext): string {
  return path.join(stateDirectory(directories, instance), 'ocsp-ca.json');
}

/** Of the CA the instance file names now; undefined where it was never seen. */
function remembered(context: ServiceContext): Certificate | undefined {
  try {
    const kept = JSON.parse(readBoundedFile(fileOf(context), maxBytes).toString('utf8')) as Partial<Record<string, unknown>>;
    if (kept['nickname'] !== tokenIssuerOf(context.instance).certificate || typeof kept['certificate'] !== 'string') return undefined;
    const certificate = parseCertificate(Uint8Array.from(Buffer.from(kept['certificate'], 'base64')));
    return role(certificate) === 'leaf' ? undefined : certificate;
  } catch {
    return undefined;
  }
}

function remember(context: ServiceContext, certificate: Certificate, log: (message: string) => void): void {
  const before = remembered(context);
  if (before !== undefined && equalBytes(before.der, certificate.der)) return;
  const { certificate: nickname } = tokenIssuerOf(context.instance);
  try {
    writeDurably(fileOf(context), JSON.stringify({ nickname, certificate: Buffer.from(certificate.der).toString('base64') }));
  } catch (error) {
    log(`The CA's certificate cannot be kept for when its token is away: ${sentenceOf(error)}.`);
  }
}
