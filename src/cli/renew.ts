import type { CertificateConfig, Directories, Instance } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { askService } from '../service/ask.js';
import { finishSavings } from '../service/finish-savings.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, wholeSeconds, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { orderOf, renewOne, type Order } from './renew/renew-one.js';
import { dryRunText, type DryRun, type RenewalReport } from './renew/report.js';
import { withCertmonger } from './with-certmonger.js';

interface RenewOptions extends GlobalOptions {
  readonly nickname: readonly string[] | undefined;
  readonly all: boolean;
  readonly wait: number | undefined;
  readonly dryRun: boolean;
}

interface Place {
  readonly instance: Instance;
  readonly directories: Directories;
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
    if (options.dryRun) return dryRun(place, orders, options, surroundings);
    const reports: RenewalReport[] = [];
    for (const order of orders) {
      // Asked a moment after the issuer, the others would still be signed under its old certificate, or refused because of it.
      const leads = order.config.nickname === place.instance.issuer.certificate && orders.length > 1;
      reports.push(await renewOne(place, certmonger, order, { ...options, wait: options.wait ?? (leads ? issuerSeconds : undefined) }, surroundings));
    }
    if (options.json) io.out(json(reports));
    return reports.some(({ result }) => result === 'failed' || (result === 'under way' && options.wait !== undefined)) ? 1 : 0;
  });
}

/** The named certificates, the issuer's own first: what is signed before its renewal would live no longer than it does now. */
function choose(instance: Instance, { nickname: named = [], all }: Pick<RenewOptions, 'nickname' | 'all'>): CertificateConfig[] {
  if (all === named.length > 0) throw new HsmongerError('USAGE', `Name the certificates to renew, or say --all: ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`);
  const stranger = named.find((wanted) => !instance.certificates.some(({ nickname }) => nickname === wanted));
  if (stranger !== undefined) throw new HsmongerError('USAGE', `${instance.file} has no certificate '${stranger}'; it has ${instance.certificates.map(({ nickname }) => `'${nickname}'`).join(', ')}.`);
  return instance.certificates.filter(({ nickname }) => all || named.includes(nickname)).sort((a, b) => Number(b.nickname === instance.issuer.certificate) - Number(a.nickname === instance.issuer.certificate));
}

async function dryRun(place: Place, orders: readonly Order[], options: RenewOptions, { io }: Surroundings): Promise<number> {
  const previews = await askService(place, 'preview renewals', { nicknames: orders.map(({ config }) => config.nickname) });
  const runs = orders.flatMap(({ config, request, keyType, keySize }, index): DryRun[] => {
    const issue = previews[index];
    return issue === undefined ? [] : [{ nickname: config.nickname, send: { request: request.nickname, ca: place.instance.name, profile: request.template.profile ?? config.profile, keyType, keySize }, issue }];
  });
  io.out(options.json ? json(runs) : runs.map(dryRunText).join(''));
  return runs.every(({ issue }) => issue.ok) ? 0 : 1;
}
