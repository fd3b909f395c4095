import type { Server } from 'node:http';
import { ledgerFile } from '../../config/directories.js';
import type { InstanceSite } from '../../config/instance.js';
import { assertOwner } from '../../config/ledger-owner.js';
import { sessionsOf } from '../../config/token-of.js';
import { lyingOn, tokenOn } from '../../config/token-views.js';
import { prepareState } from '../../config/prepare-state.js';
import { asHsmongerError, HsmongerError } from '../../errors.js';
import { revocationFault } from '../../issuer/token/revocation/withdrawn.js';
import type { Token } from '../../pkcs11/token.js';
import { sqliteAddon } from '../../platform/addons.js';
import { accountOf, dropTo, type Account } from '../../platform/service-user.js';
import { nameText } from '../../x509/names/name.js';
import { keyFingerprint } from '../../x509/public-key.js';
import { withServiceContext, type ServiceContext } from '../context.js';
import { tokenIssuerOf } from '../own-authority.js';
import { findCa, isAway } from './find-ca.js';
import { serveOcsp } from './http.js';
import { openLiveLedger } from './live-ledger.js';
import { createResponder, passes, type ResponderParts } from './responder.js';
import { createSigner, type OcspTokens } from './signer.js';

export interface OcspService extends InstanceSite {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called while this is root still. */
  readonly bind: (account: Account) => Promise<Server>;
  readonly nickname: string | undefined;
  readonly validMs: number;
  readonly identifiedBy: ResponderParts['identifiedBy'];
  /** For people, a sentence each. */
  readonly log: (message: string) => void;
  /** When it serves: a sentence that says for whom. */
  readonly listening: (message: string) => void;
  /** Ends it: what is being answered is answered first. */
  readonly signal: AbortSignal;
}

/** How long a request may take that was there when the end came. */
const lingerMs = 5000;

/**
 * Answers OCSP requests for the instance's CA until `signal` aborts. All code is loaded when this is called: it binds, becomes the service
 * user for good, and only then opens token and ledger. A token that is away is waited for; what only an administrator can mend ends it.
 */
export async function serveInstance({
  instance,
  directories,
  env,
  bind,
  nickname,
  validMs,
  identifiedBy,
  log,
  listening,
  signal,
}: OcspService): Promise<void> {
  const choice = tokenIssuerOf(instance);
  assertOwner(instance, 'run its OCSP responder');
  sqliteAddon();
  const account = accountOf(instance.user);
  prepareState(directories, instance, account);
  const server = await bind(account);
  try {
    dropTo(instance.user);
    await withServiceContext({ instance, directories, env }, async (context) => {
      const ledger = openLiveLedger(ledgerFile(directories, instance));
      const signer = createSigner({
        openTokens: () => openTokens(context, nickname),
        findCa: (tokens) => findCa(context, tokens, log),
        choice,
        nickname,
        revocationFault: (certificate, ca) => ledger.read((database) => revocationFault(database, certificate, keyFingerprint(ca.spki))),
        clock: context.clock,
        log,
      });
      try {
        try {
          const { ca, responder } = await signer.ready();
          listening(
            `Answers are about certificates of ${nameText(ca.subject)}, signed by ${responder.kind === 'authority' ? 'the CA itself' : nameText(responder.certificate.subject)}.`,
          );
        } catch (error) {
          if (!passes(error)) throw error;
          // What is amiss the signer has told.
          listening('No answer can be signed yet: each one is tryLater until that is mended.');
        }
        serveOcsp(server, createResponder({ signer, ledger, clock: context.clock, validMs, identifiedBy, log }), context.clock);
        await ended(signal);
        await closed(server);
      } finally {
        await signer.close();
        ledger.close();
      }
    });
  } catch (error) {
    server.closeAllConnections();
    server.close();
    throw asHsmongerError(error);
  }
}

/** The CA's own, and the further ones that by the instance file have a certificate for OCSP, or the one of the nickname. */
async function openTokens(context: ServiceContext, nickname: string | undefined): Promise<OcspTokens> {
  const certificates = context.instance.certificates.filter((certificate) =>
    nickname === undefined ? certificate.profile === 'caOCSPCert' : certificate.nickname === nickname,
  );
  const names = new Set(certificates.flatMap(({ storage }) => lyingOn(storage) ?? []));
  const placed = new Map<Token, string>();
  const home = await context.openToken().catch((error: unknown) => {
    if (names.size > 0 && isAway(error)) return error;
    throw error;
  });
  const further: Token[] = [];
  try {
    for (const on of names) {
      const token = await context.openToken({ on });
      placed.set(token, on);
      further.push(token);
    }
    return {
      home,
      further,
      more: (token) => {
        const on = placed.get(token);
        return { open: () => context.openToken({ on }), most: sessionsOf(tokenOn(context.instance, on)) };
      },
    };
  } catch (error) {
    // All of them again, when it is tried again: a module sees what was plugged in only where nobody holds it.
    await Promise.allSettled([...(home instanceof HsmongerError ? [] : [home]), ...further].map((token) => token.close()));
    throw error;
  }
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => {
      server.closeAllConnections();
    }, lingerMs);
    server.close(() => {
      clearTimeout(limit);
      resolve();
    });
    server.closeIdleConnections();
  });
}
