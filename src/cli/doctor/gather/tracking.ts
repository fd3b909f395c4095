import type { Certmonger } from '../../../../dbus/certmonger.js';
import { requestIds } from '../../../config/request-id.js';
import type { DoctorFacts } from '../../../doctor/facts.js';
import type { TrackingLook } from '../../../doctor/facts/certmonger.js';
import { HsmongerError } from '../../../errors.js';
import type { TokenCertificate, TokenKey } from '../../../pkcs11/token.js';
import { installation } from '../../../platform/installation.js';
import { askService } from '../../../service/ask.js';
import { desiredRequests } from '../../../tracking/desired.js';
import type { InternalFacts, TokenFacts } from '../../../tracking/facts.js';
import { gatherFacts } from '../../../tracking/gather.js';
import { planTracking } from '../../../tracking/plan.js';
import { preflight } from '../../../tracking/preflight.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFacts } from '../../../x509/public-key.js';
import type { Gathering } from './gathering.js';

/** The comparison `track plan` makes, without a login: each certificate's key is taken to be there, and whether it is, the checks of keys say. */
export async function lookAtTracking(certmonger: Pick<Certmonger, 'listRequests' | 'listCas' | 'processId'>, place: Gathering['place'], stores: Pick<DoctorFacts, 'token' | 'internal'>): Promise<TrackingLook> {
  const { instance } = place;
  const whole = { ...place, installation: installation() };
  const facts = await gatherFacts({
    ...whole,
    certmonger,
    daemonPid: () => certmonger.processId(),
    token: () => Promise.resolve(tokenOf(stores)),
    nss: () => askService(place, 'inspect NSS database', undefined),
    internal: () => Promise.resolve(internalOf(stores)),
  });
  const desired = desiredRequests(whole, facts);
  return { changes: planTracking({ instance, ids: requestIds(instance).values(), desired, existing: facts.requests }), refusals: preflight(facts) };
}

function tokenOf({ token }: Pick<DoctorFacts, 'token'>): TokenFacts {
  const sight = token.known && token.value !== 'none' ? token.value.token : undefined;
  if (sight?.ok === true) return { ...sight, keys: sight.certificates.flatMap(presumed) };
  throw new HsmongerError('TOKEN_NOT_FOUND', sight?.problem ?? (token.known ? 'the instance has no token.' : token.why));
}

function internalOf({ internal }: Pick<DoctorFacts, 'internal'>): InternalFacts {
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
