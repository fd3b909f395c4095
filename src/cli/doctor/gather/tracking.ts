import type { Certmonger } from '../../../../dbus/certmonger.js';
import { requestIds } from '../../../config/request-id.js';
import type { TrackingLook } from '../../../doctor/facts/certmonger.js';
import { HsmongerError } from '../../../errors.js';
import type { TokenCertificate, TokenKey } from '../../../pkcs11/token.js';
import { installation } from '../../../platform/installation.js';
import { askService } from '../../../service/ask.js';
import type { InternalFacts, TokenFacts } from '../../../tracking/facts.js';
import { gatherFacts } from '../../../tracking/gather.js';
import { planTracking } from '../../../tracking/plan.js';
import { clashesBeside } from '../../../tracking/neighbours.js';
import { judgeLooks, lookAtEach } from '../../../tracking/several-tokens.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFacts } from '../../../x509/public-key.js';
import type { Gathering, SeenStores, SeenToken } from './gathering.js';

/**
 * The comparison `track plan` makes, without a login: each certificate's key is taken to be there, and whether it is, the checks of keys
 * say.
 */
export async function lookAtTracking(
  certmonger: Pick<Certmonger, 'listRequests' | 'listCas' | 'processId'>,
  place: Gathering['place'],
  { tokens, internal }: SeenStores,
): Promise<TrackingLook> {
  const { instance, directories } = place;
  const { seen, away } = await lookAtEach(
    tokens.map(({ view }) => view),
    (view) => {
      const part = { instance: view, directories };
      return gatherFacts({
        ...part,
        installation: installation(),
        certmonger,
        daemonPid: () => certmonger.processId(),
        token: () => Promise.resolve(tokenOf(tokens.find((one) => one.view === view))),
        nss: () => askService(part, 'inspect NSS database', undefined),
        internal: () => Promise.resolve(internalOf({ internal })),
      });
    },
  );
  const { desired, refusals } = judgeLooks({ ...place, installation: installation() }, seen, away);
  const clashes = await clashesBeside(place);
  return {
    changes: planTracking({ instance, ids: requestIds(instance).values(), desired, existing: seen[0].requests }),
    refusals: [...clashes.refusals, ...refusals],
    warnings: clashes.warnings,
  };
}

function tokenOf(seen: SeenToken | undefined): TokenFacts {
  const sight = seen?.token.known === true && seen.token.value !== 'none' ? seen.token.value.token : undefined;
  if (sight?.ok === true) return { ...sight, keys: sight.certificates.flatMap(presumed) };
  throw new HsmongerError(
    'TOKEN_NOT_FOUND',
    sight?.problem ?? (seen?.token.known === false ? seen.token.why : 'the instance has no token.'),
  );
}

function internalOf({ internal }: Pick<SeenStores, 'internal'>): InternalFacts {
  if (internal.known && internal.value !== 'none') return { ...internal.value, keys: internal.value.certificates.flatMap(presumed) };
  throw new HsmongerError('NSS_NOT_FOUND', internal.known ? 'there is no NSS database.' : internal.why);
}

/** The private key a certificate object says there is. */
function presumed({ id, label, der }: TokenCertificate): TokenKey[] {
  try {
    const { spki } = parseCertificate(der);
    const { type, bits } = keyFacts(spki);
    return [{ id, label, type, size: bits, spki, sensitive: true, extractable: false, canSign: true }];
  } catch {
    // Not a certificate of ours.
    return [];
  }
}
