import { finishSavings } from '../service/finish-savings.js';
import type { AddCommand, Surroundings } from './command.js';
import { waitFlag } from './flags.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { dryRun } from './renew/dry-run.js';
import { choose, leadsOthers } from './renew/order.js';
import { orderOf } from '../tracking/renewal-order.js';
import { provePinFor } from '../tracking/pin-first.js';
import { renewOne } from './renew/renew-one.js';
import type { RenewalReport } from './renew/report.js';
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
        .option('wait', waitFlag('Wait so many seconds for the new certificates'))
        .option('dry-run', { type: 'boolean', default: false, describe: 'Tell what would be sent and issued, and change nothing' })
        .example("hsmonger renew --wait 300 'ocspSigningCert cert-pki-ca'", '')
        .example('hsmonger renew --all --dry-run', ''),
    run(renew),
  );

async function renew(options: RenewOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  const place = instanceOf(options, env);
  const tell = (sentence: string) => {
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  };
  // Alone, `renew` finishes what was interrupted; that must not need a new renewal.
  const finishOnly = !options.all && !options.dryRun && (options.nickname ?? []).length === 0;
  if (finishOnly && (await finishSavings(place, tell)) > 0) return 0;
  const chosen = choose(place.instance, options);
  if (!options.dryRun) await finishSavings(place, tell);
  return withCertmonger(options.bus, env, async (certmonger) => {
    const requests = await certmonger.listRequests();
    const orders = chosen.map((config) => orderOf(place.instance, config, requests));
    if (options.dryRun) return dryRun(place, orders, options, io);
    // A bad PIN costs this one attempt, not three of certmonger's for each certificate.
    await provePinFor(
      place,
      orders.map(({ request }) => request),
    );
    const reports: RenewalReport[] = [];
    for (const order of orders) {
      // Asked a moment after the issuer, the others would still be signed under its old certificate, or refused because of it.
      const leads = order.config.nickname === place.instance.issuer.certificate && orders.length > 1 && leadsOthers(place.instance.issuer);
      reports.push(
        await renewOne(place, certmonger, order, { ...options, wait: options.wait ?? (leads ? issuerSeconds : undefined) }, surroundings),
      );
    }
    if (options.json) io.out(json(reports));
    return reports.some(({ result }) => result === 'failed' || (result === 'under way' && options.wait !== undefined)) ? 1 : 0;
  });
}
