import type { Certmonger } from '../../../../dbus/certmonger.js';
import type { Bus } from '../../../../dbus/transport.js';
import { requestIds } from '../../../config/request-id.js';
import type { TrackingLook } from '../../../doctor/facts/certmonger.js';
import type { TokenCertificate, TokenKey } from '../../../pkcs11/token.js';
import { installation } from '../../../platform/installation.js';
import { askService } from '../../../service/ask.js';
import { desiredRequests } from '../../../tracking/desired.js';
import { gatherFacts } from '../../../tracking/gather.js';
import { planTracking } from '../../../tracking/plan.js';
import { preflight } from '../../../tracking/preflight.js';
import { daemonPid } from '../../../tracking/survey.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { keyFacts } from '../../../x509/public-key.js';
import type { Gathering } from './gathering.js';

/** The comparison `track plan` makes. Without a login each certificate's key is taken to be there: whether it is, the token's own checks say. */
export async function lookAtTracking(certmonger: Pick<Certmonger, 'listRequests' | 'listCas'>, bus: Pick<Bus, 'call'>, { place, login }: Gathering): Promise<TrackingLook> {
  const { instance } = place;
  const whole = { ...place, installation: installation() };
  const withKeys = <T extends { readonly certificates: readonly TokenCertificate[]; readonly keys: readonly TokenKey[] }>(seen: T): T => (login ? seen : { ...seen, keys: seen.certificates.flatMap(presumed) });
  const facts = await gatherFacts({
    ...whole,
    certmonger,
    daemonPid: () => daemonPid(bus),
    token: async () => withKeys(await askService(place, 'inspect token', { keys: login })),
    nss: () => askService(place, 'inspect NSS database', undefined),
    internal: async () => withKeys(await askService(place, 'inspect internal store', { keys: login })),
  });
  const desired = desiredRequests(whole, facts);
  return { changes: planTracking({ instance, ids: requestIds(instance).values(), desired, existing: facts.requests }), refusals: preflight(facts), mechanisms: facts.token?.mechanisms };
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
