import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { InstanceSite } from '../../config/instance.js';
import { HsmongerError, asHsmongerError, sentenceOf } from '../../errors.js';
import { sharedNicknames } from '../../renewal/look-at-servers.js';
import type { GivenFile } from '../../renewal/importing/read-certificates.js';
import { askService } from '../../service/ask.js';
import type { Imported } from '../../service/tasks/ca/import-certificate.js';
import type { AddCommand, Surroundings } from '../command.js';
import { waitFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import type { Io } from '../io.js';
import { harmless, json } from '../output.js';
import { orderOf } from '../../tracking/renewal-order.js';
import { caLine, toldCa } from './making/told.js';
import { renewOne } from '../renew/renew-one.js';
import { withCertmonger } from '../with-certmonger.js';

interface ImportOptions extends GlobalOptions {
  readonly certificate: string;
  readonly chain: readonly string[] | undefined;
  readonly forceSelfSigned: boolean;
  readonly wait: number | undefined;
}

/** `ca import`: a certificate another CA made for a key on the token, for certmonger to save. */
export const addImport: AddCommand = (yargs, run) =>
  yargs.command(
    'import <certificate> [chain..]',
    'Check a certificate another CA made for a key on the token, and have certmonger save it',
    (ca) =>
      ca
        .positional('certificate', { type: 'string', demandOption: true, describe: 'File: PEM, DER or PKCS#7' })
        .positional('chain', { type: 'string', array: true, describe: 'Files with the certificates above it, in any order' })
        .option('force-self-signed', {
          type: 'boolean',
          default: false,
          describe: 'Let a self-signed certificate replace one another CA signed',
        })
        .option('wait', waitFlag('Wait so many seconds until it is saved'))
        .example('hsmonger ca import ca.pem root.pem --wait 300', ''),
    run(importCertificate),
  );

async function importCertificate(options: ImportOptions, surroundings: Surroundings): Promise<number> {
  const { io, env } = surroundings;
  const place = instanceOf(options, env);
  const { instance } = place;
  const certificate = readGiven(options.certificate);
  const chain = (options.chain ?? []).map(readGiven);
  const nicknames = instance.certificates.filter(({ storage }) => storage.kind === 'token').map(({ nickname }) => nickname);
  const none = new HsmongerError('USAGE', `${instance.file} has no certificate on the token, so there is none to import another for.`);
  if (nicknames.length === 0 && instance.issuer.type !== 'token') throw none;
  const found = await askService(place, 'kind of import', { certificate, nicknames });
  // certmonger has nothing to save it over.
  if (found.kind === 'first') return importFirst(place, { certificate, chain }, options, surroundings);
  if (found.kind === 'there') return tellThere(found.there, options, io);
  if (nicknames.length === 0) throw none;
  return withCertmonger(options.bus, env, async (certmonger) => {
    const requests = await certmonger.listRequests();
    await assertRenewing(place);
    const parcel = { certificate, chain, nicknames, known: await known(place, surroundings), forceSelfSigned: options.forceSelfSigned };
    // Looked at before it is kept: one that no request takes on would lie there for good.
    const { nickname } = await askService(place, 'import certificate', { ...parcel, keep: false });
    const config = instance.certificates.find((certificate) => certificate.nickname === nickname);
    if (config === undefined)
      throw new HsmongerError('INTERNAL', `The certificate was taken for '${nickname}', which is none of this instance's.`);
    const order = orderOf(instance, config, requests);
    const imported = await askService(place, 'import certificate', { ...parcel, keep: true });
    if (!options.json) io.out(`${line('imported', imported)}\n`);
    const report = await renewOne(place, certmonger, order, options, surroundings);
    if (options.json) io.out(json({ imported, report }));
    return report.result === 'failed' || (report.result === 'under way' && options.wait !== undefined) ? 1 : 0;
  });
}

function tellThere(there: Omit<Imported, 'file'>, { json: asJson }: ImportOptions, io: Io): number {
  io.out(asJson ? json({ there }) : `${line('is there already', there)}; nothing was changed.\n`);
  return 0;
}

function line(what: string, { nickname, serial, issuer, notAfter }: Omit<Imported, 'file'>): string {
  return `${harmless(nickname)}: ${what}, serial ${serial}, from ${harmless(issuer)}, expires ${notAfter.toISOString().slice(0, 10)}`;
}

async function importFirst(
  place: InstanceSite,
  given: { readonly certificate: GivenFile; readonly chain: readonly GivenFile[] },
  { json: asJson }: ImportOptions,
  { io }: Surroundings,
): Promise<number> {
  const { instance } = place;
  const imported = await askService(place, 'import CA certificate', given);
  const told = toldCa(instance.issuer.certificate, imported);
  if (asJson) io.out(json({ imported: told, beside: imported.beside }));
  else
    io.out(
      `imported ${harmless(caLine(told))}\n${imported.beside.map((label) => `stored '${harmless(label)}' above it\n`).join('')}Next: hsmonger setup --instance ${instance.name} --yes\n`,
    );
  return 0;
}

/** On a replica it would be this server's alone, and the next one the renewal master publishes would follow it. */
async function assertRenewing({ instance, directories }: InstanceSite): Promise<void> {
  if (instance.directory === undefined || sharedNicknames(instance).length === 0) return;
  const { servers } = await askService({ instance, directories }, 'look at servers', { all: false });
  const masters = servers.filter(({ renewalMaster }) => renewalMaster);
  if (masters.some(({ here }) => here)) return;
  const where =
    masters.length === 0
      ? `nobody is: make this server the renewal master first, with 'hsmonger master set'`
      : `${masters.map(({ host }) => `'${host}'`).join(' and ')} is; run it there`;
  throw new HsmongerError(
    'PREFLIGHT_FAILED',
    `What the servers share is imported on the renewal master, which publishes it for the others, and ${where}.`,
  );
}

/** What the directory has of CA certificates; without it the files must do. */
async function known(place: InstanceSite, { io }: Surroundings): Promise<readonly Uint8Array[]> {
  if (place.instance.directory === undefined) return [];
  try {
    return await askService(place, 'read CA certificates', undefined);
  } catch (error) {
    io.err(`hsmonger: The CA certificates of the directory are not looked at: ${harmless(asHsmongerError(error).message)}\n`);
    return [];
  }
}

const maxBytes = 1024 * 1024;

function readGiven(name: string): GivenFile {
  try {
    // Opening a pipe would wait for whoever writes it.
    const descriptor = openSync(path.resolve(name), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size > maxBytes) throw new HsmongerError('USAGE', `${name} is not a regular file of at most 1 MiB.`);
      return { name, content: Uint8Array.from(readFileSync(descriptor)) };
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (error instanceof HsmongerError) throw error;
    throw new HsmongerError('USAGE', `Cannot read ${name}: ${sentenceOf(error)}.`, { cause: error });
  }
}
