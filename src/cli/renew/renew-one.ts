import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { CertificateConfig, InstanceSite } from '../../config/instance.js';
import { problemOf } from '../../diagnosis/diagnose.js';
import { requestFacts, seenRequest, siteFacts } from '../../diagnosis/gather.js';
import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import { resubmitSameKey } from '../../tracking/same-key.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';
import { readsTheOld } from '../../tracking/standing.js';
import type { Surroundings } from '../command.js';
import { progressLine } from '../output.js';
import { follow } from './follow.js';
import type { Order } from '../../tracking/renewal-order.js';
import { heldOf, renewalText, type RenewalReport } from './report.js';

/** Asks for one renewal; with `wait` (seconds) follows it to its end. Prints the report unless --json. */
export async function renewOne(
  place: InstanceSite,
  certmonger: Certmonger,
  { config, request, keyType, keySize }: Order,
  options: { readonly wait: number | undefined; readonly json: boolean },
  { io, clock, signal }: Surroundings,
): Promise<RenewalReport> {
  const asked = clock();
  const { before, taken } = await resubmitSameKey(certmonger, request.nickname, { keyType, keySize });
  if (!taken)
    throw new HsmongerError(
      'RENEWAL_FAILED',
      `certmonger would not resubmit '${config.nickname}' (state ${before.status}); see 'hsmonger status'.`,
    );
  const held = heldOf(before);
  const common = { nickname: config.nickname, request: request.nickname, ...(held === undefined ? {} : { before: held }) };
  let report: RenewalReport;
  if (options.wait === undefined) {
    report = { ...common, result: 'submitted', state: (await certmonger.request(request.nickname).read()).status };
  } else {
    const progress = progressLine(io);
    const onLook = async ({ status }: TrackingRequest) => {
      const reason = io.interactive && status === 'CA_WORKING' ? await reasonOf(place, before, config, asked) : undefined;
      progress.show(`${config.nickname}: ${status}${reason === undefined ? '' : ` (${reason})`}`);
    };
    const until = new Date(clock().getTime() + options.wait * 1000);
    const end = await follow({ certmonger, id: request.nickname, before: before.certificate.pem, until, now: clock, signal, onLook });
    progress.clear();
    const after = end.standing === 'renewed' ? heldOf(end.request) : undefined;
    const reason =
      end.standing === 'renewed'
        ? undefined
        : (end.request.caError ??
          (await reasonOf(place, before, config, asked)) ??
          problemOf({ ...requestFacts(siteFacts(clock(), place.instance), config), request: seenRequest(end.request) }) ??
          (readsTheOld(before.certificate.pem, end.request) ? readsTheOldYet : undefined));
    report = {
      ...common,
      result: end.standing,
      state: end.request.status,
      ...(after === undefined ? {} : { after }),
      ...(reason === undefined ? {} : { reason }),
    };
  }
  if (!options.json) io.out(renewalText(report, io.colour));
  return report;
}

const readsTheOldYet =
  'certmonger still reads the certificate from before, and says nothing of an error. Of two under a nickname it takes the one that begins last; where that is the old one, it reads the new one once the old one is off the token, which on a shared token waits for its grace time.';

/** Why the helper made certmonger wait since then: exit 5 clears ca-error, so only the ledger knows. */
async function reasonOf(
  place: InstanceSite,
  { certificate: { pem } }: TrackingRequest,
  { profile }: CertificateConfig,
  since: Date,
): Promise<string | undefined> {
  if (pem === undefined) return undefined;
  const subjectKey = keyFingerprint(parseCertificate(certificateFromPem(pem)).spki);
  const { outcomes } = await askService(place, 'read ledger', undefined);
  const last = outcomes.find((outcome) => outcome.subjectKey === subjectKey && outcome.profile === profile);
  return last === undefined || last.code === 'ISSUED' || last.at < since ? undefined : last.message;
}
