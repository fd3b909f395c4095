import type { SignatureChoice } from '../../config/signature-algorithm.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { findResponderKey, type CaAtHand, type ResponderKey } from '../../issuer/token/revocation/responder-key.js';
import { signStructure, type SignedStructure } from '../../issuer/token/revocation/sign-structure.js';
import type { Token } from '../../pkcs11/token.js';
import type { Clock } from '../../platform/clock.js';
import type { Certificate } from '../../x509/certificate.js';

/** The key answers are signed with, as long as its token and the CA's are there. */
export interface OcspSigner {
  /** Opens the tokens where they are not open. Fails while one is away: one look in a while, everybody else is told at once. */
  ready(): Promise<Signing>;
  close(): Promise<void>;
}

export interface Signing {
  /** The CA's certificate. */
  readonly ca: Certificate;
  readonly responder: ResponderKey;
  readonly sign: (build: () => Uint8Array) => Promise<SignedStructure>;
}

export interface SignerParts {
  readonly openTokens: () => Promise<OcspTokens>;
  /** The CA, as far as these tokens show it. */
  readonly findCa: (tokens: OcspTokens) => Promise<CaAtHand>;
  readonly choice: SignatureChoice;
  readonly nickname: string | undefined;
  /** Why a certificate of this CA is not to be relied on by the ledger, as the end of a sentence. */
  readonly revocationFault: (certificate: Certificate, ca: Certificate) => string | undefined;
  readonly clock: Clock;
  /** For people, a line each. */
  readonly log: (message: string) => void;
}

export interface OcspTokens {
  /** The CA's; why it is away where others may do without it. */
  readonly home: Token | HsmongerError;
  /** Others the responder's certificate may lie on. */
  readonly further: readonly Token[];
}

/** A login on an HSM is slow and counted. */
const retryMs = 2000;
/** certmonger renews the OCSP certificate and the CA's while we run. */
const freshMs = 300_000;

export function createSigner(parts: SignerParts): OcspSigner {
  const { clock, log } = parts;
  let opened: { readonly tokens: OcspTokens; readonly since: number; readonly signing: Signing; readonly ended: boolean } | undefined;
  let opening: Promise<Signing> | undefined;
  let failed: { readonly at: number; readonly error: HsmongerError } | undefined;
  /** Told once, not at every look. */
  let told: { readonly message: string; readonly of: 'token' | 'ledger' } | undefined;
  let warned: ReadonlySet<string> = new Set();

  const drop = async (error: unknown) => {
    const failure = asHsmongerError(error);
    failed = { at: performance.now(), error: failure };
    const of = failure.code === 'STATE_BUSY' || failure.code === 'STATE_UNAVAILABLE' ? 'ledger' : 'token';
    if (failure.message !== told?.message) log(failure.message);
    told = { message: failure.message, of };
    // No reason to log in again.
    if (of === 'ledger') return;
    const lost = opened;
    opened = undefined;
    if (lost !== undefined) await closeAll(lost.tokens);
  };

  const open = async (): Promise<Signing> => {
    const tokens = opened?.tokens ?? (await parts.openTokens());
    try {
      const ca = await parts.findCa(tokens);
      const responder = await findResponderKey(ca.kind === 'there' ? listed(tokens) : tokens.further, ca, {
        nickname: parts.nickname,
        now: clock(),
        revocationFault: (certificate) => parts.revocationFault(certificate, ca.certificate),
      });
      const {
        token,
        key,
        certificate: { spki },
      } = responder;
      const signing: Signing = {
        ca: ca.certificate,
        responder,
        sign: async (build) => {
          try {
            return await signStructure({ token, key, spki, choice: parts.choice }, 'The OCSP answer', build);
          } catch (error) {
            if (opened?.tokens === tokens) await drop(error);
            throw error;
          }
        },
      };
      if (told?.of === 'token')
        log(
          `${listed(tokens).length === 1 ? `The token ${labels(tokens)} is` : `The tokens ${labels(tokens)} are`} there again, and answers are signed.`,
        );
      told = undefined;
      for (const warning of responder.warnings) if (!warned.has(warning)) log(warning);
      warned = new Set(responder.warnings);
      opened = { tokens, since: performance.now(), signing, ended: responder.certificate.notAfter <= clock() };
      return signing;
    } catch (error) {
      if (opened === undefined) await closeAll(tokens);
      throw error;
    }
  };

  const look = (): Promise<Signing> =>
    (opening ??= open()
      .catch(async (error: unknown) => {
        await drop(error);
        throw error;
      })
      .finally(() => {
        opening = undefined;
      }));

  /** Asked for each answer: what is revoked signs none any more, and what has ended makes way where something better may have come. */
  const stillGood = ({ ca, responder: { certificate, kind } }: Signing, endedBefore: boolean): boolean =>
    (endedBefore || certificate.notAfter > clock()) && (kind === 'authority' || parts.revocationFault(certificate, ca) === undefined);

  return {
    ready: async () => {
      if (opened !== undefined && stillGood(opened.signing, opened.ended)) {
        const { since, signing } = opened;
        // Nobody waits for it: a token of ten thousand certificates takes a while. What fails is told, and tried again by the next one.
        if (performance.now() - since >= freshMs) look().catch(() => undefined);
        return signing;
      }
      if (failed !== undefined && opened === undefined && performance.now() - failed.at < retryMs) throw failed.error;
      return look();
    },
    close: async () => {
      await opening?.catch(() => undefined);
      if (opened !== undefined) await closeAll(opened.tokens);
      opened = undefined;
    },
  };
}

const listed = ({ home, further }: OcspTokens) => (home instanceof HsmongerError ? further : [home, ...further]);
const labels = (tokens: OcspTokens) =>
  listed(tokens)
    .map(({ description }) => `'${description.label}'`)
    .join(' and ');

async function closeAll(tokens: OcspTokens): Promise<void> {
  await Promise.allSettled(listed(tokens).map((token) => token.close()));
}
