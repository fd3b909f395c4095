import type { SignatureChoice } from '../../config/signature-algorithm.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { findResponderKey, type CaAtHand, type ResponderKey } from '../../issuer/token/revocation/responder-key.js';
import { signStructure, type SignedStructure } from '../../issuer/token/revocation/sign-structure.js';
import { newSessionMayMend } from '../../pkcs11/signing/lost-session.js';
import type { Token } from '../../pkcs11/token.js';
import type { Clock } from '../../platform/clock.js';
import type { Certificate } from '../../x509/certificate.js';
import { createLanes, type Lanes, type MoreSessions } from './lanes.js';

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
  /** Where a session is lost under it, another ready() opens a new one, and who asked may ask that one once more. */
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
  /** Of one of these. */
  readonly more: (token: Token) => MoreSessions;
}

interface Opened {
  readonly tokens: OcspTokens;
  readonly lanes: Lanes;
  readonly since: number;
  readonly signing: Signing;
  /** Its certificate was over when it was chosen. */
  readonly ended: boolean;
}

/** A login on an HSM is slow and counted. */
const retryMs = 2000;
/** certmonger renews the OCSP certificate and the CA's while we run. */
const freshMs = 300_000;

export function createSigner(parts: SignerParts): OcspSigner {
  const { clock, log } = parts;
  let opened: Opened | undefined;
  let opening: Promise<Signing> | undefined;
  let closing: Promise<void> | undefined;
  /** Let go of, while somebody may still be looking at them. */
  const gone = new WeakSet<OcspTokens>();
  let failed: { readonly at: number; readonly error: HsmongerError } | undefined;
  /** Sessions were lost, and those after them have signed nothing yet. */
  let fruitless = false;
  /** Told once, not at every look. */
  let told: { readonly message: string; readonly of: 'token' | 'ledger' } | undefined;
  let warned: ReadonlySet<string> = new Set();

  const letGo = async () => {
    const lost = opened;
    opened = undefined;
    if (lost !== undefined) {
      gone.add(lost.tokens);
      closing = Promise.allSettled([lost.lanes.narrow(), closeAll(lost.tokens)]).then(() => undefined);
    }
    await closing;
  };

  const tell = (failure: HsmongerError) => {
    const of = failure.code === 'STATE_BUSY' || failure.code === 'STATE_UNAVAILABLE' ? 'ledger' : 'token';
    if (failure.message !== told?.message) log(failure.message);
    told = { message: failure.message, of };
    return of;
  };

  /** Everybody is told so for a while. */
  const fail = async (error: unknown) => {
    const failure = asHsmongerError(error);
    failed = { at: performance.now(), error: failure };
    // The ledger is no reason to log in again.
    if (tell(failure) === 'token') await letGo();
  };

  /** New sessions are opened at once, unless those before have signed nothing: a token where all of them fail is left alone for a while. */
  const lose = async (error: unknown) => {
    if (!newSessionMayMend(error) || fruitless) return fail(error);
    fruitless = true;
    failed = undefined;
    tell(error);
    await letGo();
  };

  const open = async (): Promise<Signing> => {
    await closing;
    if (opened !== undefined) {
      try {
        return await choose(opened.tokens);
      } catch (error) {
        if (!newSessionMayMend(error)) throw error;
        tell(error);
        await letGo();
      }
    }
    const tokens = await parts.openTokens();
    try {
      return await choose(tokens);
    } catch (error) {
      await closeAll(tokens);
      throw error;
    }
  };

  const choose = async (tokens: OcspTokens): Promise<Signing> => {
    const ca = await parts.findCa(tokens);
    const responder = await findResponderKey(ca.kind === 'there' ? listed(tokens) : tokens.further, ca, {
      nickname: parts.nickname,
      now: clock(),
      revocationFault: (certificate) => parts.revocationFault(certificate, ca.certificate),
    });
    if (gone.has(tokens))
      throw new HsmongerError('SESSION_LOST', 'The sessions for OCSP answers were lost while the token was being looked at.');
    const {
      token,
      key,
      certificate: { spki },
    } = responder;
    const lanes = createLanes({ token, key }, { by: 'public-key', spki, id: key.id }, tokens.more(token));
    const signing: Signing = {
      ca: ca.certificate,
      responder,
      sign: async (build) => {
        try {
          const signed = await lanes.through((hand) => signStructure({ ...hand, spki, choice: parts.choice }, 'The OCSP answer', build));
          if (opened?.tokens === tokens) fruitless = false;
          return signed;
        } catch (error) {
          if (opened?.lanes === lanes) await lose(error);
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
    // What was opened for a rush is given back to the token, and opened again for the next.
    void opened?.lanes.narrow();
    opened = { tokens, lanes, since: performance.now(), signing, ended: responder.certificate.notAfter <= clock() };
    return signing;
  };

  const look = (): Promise<Signing> =>
    (opening ??= open()
      .catch(async (error: unknown) => {
        await fail(error);
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
      await letGo();
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
