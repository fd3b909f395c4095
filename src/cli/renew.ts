import type { Certmonger } from '../../dbus/certmonger.js';
import type { TrackingRequest } from '../../dbus/tracking-request.js';
import type { CertificateConfig } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';
import { finishSavings } from '../service/finish-savings.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { certificateFromPem } from '../x509/pem.js';
import { keyFingerprint } from '../x509/public-key.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, wholeSeconds, type GlobalOptions } from './global-options.js';
import { harmless, json, progressLine } from './output.js';
import { follow } from './renew/follow.js';
import { dryRun } from './renew/dry-run.js';
import { choose, leadsOthers, orderOf, type Order, type Place } from './renew/order.js';
import { heldOf, renewalText, type RenewalReport } from './renew/report.js';
import { meaningOf } from './status/state-meanings.js';
import { withCertmonger } from './with-certmonger.js';

interface RenewOptions extends GlobalOptions {
  readonly nickname: readonly string[] | undefined;
  readonly all: boolean;
  readonly wait: number | undefined;
  readonly dryRun: boolean;
}

/** How long the others wait for the issuer's own renewal where nobody said how long. */
const issuerSeconds = 300;

/** `renew`: finishes interrupted savings, then asks certmonger for new certificates. */
export const addRenew: AddCommand = (yargs, run) =>
  yargs.command(
    'renew [nickname..]',
    'Renew now, with the same key',
    (renew) =>
      renew
        .positional('nickname', { type: 'string', array: true, describe: 'Certificates of the instance' })
        .option('all', { type: 'boolean', default: false, describe: 'Every certificate of the instance' })
        .option('wait', { alias: 'w', type: 'string', requiresArg: true, coerce: wholeSeconds, describe: 'Wait so many seconds for the new certificates' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Tell what would be sent and issued, and change nothing' })
        .example("hsmonger renew --wait 300 'ocspSigningCert cert-pki-ca'", '')
        .example('hsmonger renew --all --dry-run', ''),
    run(renew),
  );

async function renew(options: RenewOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  const place = instanceOf(options, env);
  const tell = (sentence: string) => { io.err(`hsmonger: ${harmless(sentence)}\n`); };
  // Alone, `renew` finishes what was interrupted; that must not need a new renewal.
  const finishOnly = !options.all && !options.dryRun && (options.nickname ?? []).length === 0;
  if (finishOnly && (await finishSavings(place, tell)) > 0) return 0;
  const chosen = choose(place.instance, options);
  if (!options.dryRun) await finishSavings(place, tell);
  return withCertmonger(options.bus, env, async (certmonger) => {
    const requests = await certmonger.listRequests();
    const orders = chosen.map((config) => orderOf(place.instance, config, requests));
    if (options.dryRun) return dryRun(place, orders, options, io);
    const reports: RenewalReport[] = [];
    for (const order of orders) {
      // Asked a moment after the issuer, the others would still be signed under its old certificate, or refused because of it.
      const leads = order.config.nickname === place.instance.issuer.certificate && orders.length > 1 && leadsOthers(place.instance.issuer);
      reports.push(await renewOne(place, certmonger, order, { ...options, wait: options.wait ?? (leads ? issuerSeconds : undefined) }, surroundings));
    }
    if (options.json) io.out(json(reports));
    return reports.some(({ result }) => result === 'failed' || (result === 'under way' && options.wait !== undefined)) ? 1 : 0;
  });
}

async function renewOne(place: Place, certmonger: Certmonger, { config, request, keyType, keySize }: Order, options: RenewOptions, surroundings: Surroundings): Promise<RenewalReport> {
  const { io, clock, signal } = surroundings;
  const handle = certmonger.request(request.nickname);
  // certmonger shows a key's size, never the size it would generate; where the two differ a resubmit re-keys (tdbush.c:3719). This makes them one.
  await handle.modify({ keyType, keySize });
  const before = await handle.read();
  const held = heldOf(before);
  const asked = clock();
  if (!(await handle.resubmit())) throw new HsmongerError('RENEWAL_FAILED', `certmonger would not resubmit '${config.nickname}' (state ${before.status}); see 'hsmonger status'.`);
  const common = { nickname: config.nickname, request: request.nickname, ...(held === undefined ? {} : { before: held }) };
  let report: RenewalReport;
  if (options.wait === undefined) {
    report = { ...common, result: 'submitted', state: (await handle.read()).status };
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
    const reason = end.standing === 'renewed' ? undefined : (end.request.caError ?? (await reasonOf(place, before, config, asked)) ?? meaningOf(end.request.status, end.request.stuck));
    report = { ...common, result: end.standing, state: end.request.status, ...(after === undefined ? {} : { after }), ...(reason === undefined ? {} : { reason }) };
  }
  if (!options.json) io.out(renewalText(report, io.colour));
  return report;
}

/** Why the helper made certmonger wait since then: exit 5 clears ca-error, so only the ledger knows. */
async function reasonOf(place: Place, { certificate: { pem } }: TrackingRequest, { profile }: CertificateConfig, since: Date): Promise<string | undefined> {
  if (pem === undefined) return undefined;
  const subjectKey = keyFingerprint(parseCertificate(certificateFromPem(pem)).spki);
  const { outcomes } = await askService(place, 'read ledger', undefined);
  const last = outcomes.find((outcome) => outcome.subjectKey === subjectKey && outcome.profile === profile);
  return last === undefined || last.code === 'ISSUED' || last.at < since ? undefined : last.message;
}
