import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import type { Directories, Instance } from '../../config/instance.js';
import { instanceFile } from '../../config/load.js';
import { parseInstance } from '../../config/schema.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { Certificate } from '../../x509/certificate.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { isSelfSigned } from '../../x509/path.js';
import { nameText } from '../../x509/names/name.js';
import { certificatesFromPem } from '../../x509/pem.js';
import type { Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { harmless } from '../output.js';
import { provisionalInstance } from '../provisional-instance.js';
import { databaseCandidates } from './candidates.js';
import { instanceText } from './document.js';
import { rooted } from './kipuka/above.js';
import { assertFree } from './kipuka/assert-free.js';
import { judgeCa, pinFileOf, sharedBetween, tokenLabelOf, type Adoption } from './kipuka/judge.js';
import { readKipuka, type KipukaCa } from './kipuka/read.js';
import { tokenCommand } from './kipuka/token-command.js';
import { makeDatabase } from './nss-database.js';
import type { SetupOptions } from './options.js';
import { questionsFor } from './questions.js';
import { assertTrustedPlace } from './write-instance.js';

const maxBytes = 1024 * 1024;

/** An instance nobody has written yet. */
export interface Written {
  readonly instance: Instance;
  readonly text: string;
}

/**
 * `setup --from-kipuka`: one instance for each [[ca]] with its key on the HSM. `setUp` does the rest for each; the worst of its exit codes
 * is given.
 */
export async function setUpFromKipuka(
  file: string,
  options: SetupOptions,
  surroundings: Surroundings,
  setUp: (options: SetupOptions, written: Written) => Promise<number>,
): Promise<number> {
  const { io, env } = surroundings;
  const tell = (sentence: string) => {
    io.err(`hsmonger: ${harmless(sentence)}\n`);
  };
  const kipuka = readKipuka(contentOf(file), file);
  const module = options.module ?? kipuka.library;
  if (!existsSync(module))
    throw new HsmongerError(
      'MODULE_NOT_FOUND',
      `${file} names the PKCS#11 library ${module}, which is not on this machine; correct 'library', or say where it is with --module.`,
    );
  if (kipuka.cas.length === 0)
    throw new HsmongerError('CONFIG_INVALID', `${file} has no [[ca]] with hsm_slot, so none of its CAs has a key on the HSM.`);
  for (const id of kipuka.leftOut) tell(`[[ca]] '${id}' is left out: it has no hsm_slot, so its key is not on the HSM.`);
  const questions = questionsFor(io, options.yes || options.dryRun);
  const user = await questions.value({
    flag: 'user',
    question: 'Service user (owner of the NSS database)',
    given: options.user,
    candidates: ['pkiuser'],
  });
  const pinFile = pinFileOf(kipuka.pin, options.pinFile, file, user);
  const ignored =
    options.pinFile === undefined ? kipuka.ignoredPins : [kipuka.pin.from, ...kipuka.ignoredPins].filter((from) => from !== 'nowhere');
  if (ignored.length > 0)
    tell(
      `The PIN is read from ${pinFile} alone; ${ignored.join(' and ')} in ${file} ${ignored.length === 1 ? 'is' : 'are'} not looked at.`,
    );
  const database = await questions.value({
    flag: 'dbdir',
    question: 'NSS database',
    given: options.dbdir,
    candidates: databaseCandidates(),
  });

  const directories = directoriesOf(options, env);
  const provisional = {
    instance: kipuka.cas[0]?.id ?? '',
    user,
    module,
    environment: options.moduleEnv ?? {},
    parameters: options.moduleParameters,
    pinFile,
    database,
  };
  const tokens = await askService({ directories, instance: provisionalInstance(provisional) }, 'list tokens', undefined);
  const label = tokenLabelOf({ ...kipuka, library: module }, tokens, options.token, file);
  const place = { directories, instance: provisionalInstance({ ...provisional, label }) };
  const contents = await askService(place, 'inspect token', { keys: true });
  const command = (...words: string[]) => tokenCommand(words, { ...provisional, label }, directories);
  const files = new Map(kipuka.cas.map((ca) => [ca, certificatesOf(ca)]));
  const judged = [...files].map(([ca, { own }]) => judgeCa(ca, own, contents, (id) => command('move-id', id)));
  const found = judged.flatMap((one) => ('problem' in one ? [] : [one]));
  const chained = found.map((one) =>
    rooted(one, files.get(one.ca)?.above ?? [], found, contents, command('import-cert', 'FILE', '--without-key')),
  );
  // Those above first.
  const adoptions = chained.flatMap((one) => ('problem' in one ? [] : [one])).sort((a, b) => a.depth - b.depth);
  const obstacles = [...[...judged, ...chained].flatMap((one) => ('problem' in one ? [one] : [])), ...sharedBetween(found)].map(
    ({ problem }) => problem,
  );
  if (obstacles.length > 0) {
    obstacles.slice(1).forEach(tell);
    throw new HsmongerError('PREFLIGHT_FAILED', `${obstacles[0] ?? ''} Nothing was changed.`);
  }
  const answers = {
    user,
    token: { label, module, environment: provisional.environment, parameters: options.moduleParameters, pinFile },
    database,
  };
  const drafts = adoptions.map((adoption) => ({ adoption, written: draftOf(adoption, answers, directories) }));
  for (const { adoption, written } of drafts) await assertFree(adoption, { directories, instance: written.instance }, contents);
  if (options.dryRun) {
    if (!existsSync(path.join(database, 'cert9.db'))) io.out(`make the NSS database ${harmless(database)}\n`);
    for (const { ca, nickname, stored, missing } of adoptions)
      io.out(
        `${missing.map(({ subject }) => `store the certificate of ${harmless(nameText(subject))} on token '${harmless(label)}', above '${harmless(nickname)}'\n`).join('')}${stored ? '' : `store ${harmless(ca.cert)} on token '${harmless(label)}' as '${harmless(nickname)}'\n`}write ${harmless(instanceFile(directories, ca.id))} and hand what it names to certmonger\n`,
      );
    return 3;
  }
  // kipuka has none, and what pre-flight would refuse for want of it would be on the token by then.
  (await makeDatabase(place)).forEach(tell);
  let worst = 0;
  for (const { adoption, written } of drafts) {
    const { stored, missing } = adoption;
    if (!stored || missing.length > 0) {
      const beside = await askService(place, 'adopt certificate', {
        der: adoption.certificate.der,
        label: adoption.nickname,
        above: missing.map(({ der }) => der),
        taken: adoptions.map(({ nickname }) => nickname),
      });
      for (const one of beside) tell(`'${one}' is on token '${label}' now, above '${adoption.nickname}'`);
    }
    if (!stored)
      io.err(`hsmonger: ${harmless(adoption.ca.cert)} is on token '${harmless(label)}' now, as '${harmless(adoption.nickname)}'\n`);
    worst = Math.max(worst, await setUp({ ...options, ...unsaid, instance: adoption.ca.id }, written));
  }
  return worst;
}

/** What kipuka's file or the flags said is in the instance's text now. */
const unsaid = {
  token: undefined,
  module: undefined,
  moduleEnv: undefined,
  moduleParameters: undefined,
  pinFile: undefined,
  dbdir: undefined,
  user: undefined,
} as const;

function draftOf(
  { ca, certificate, nickname }: Adoption,
  answers: {
    readonly user: string;
    readonly token: {
      readonly label: string;
      readonly module: string;
      readonly environment: Readonly<Record<string, string>>;
      readonly parameters: string | undefined;
      readonly pinFile: string;
    };
    readonly database: string;
  },
  directories: Directories,
): Written {
  const file = instanceFile(directories, ca.id);
  assertTrustedPlace(file);
  const text = instanceText(ca.id, {
    ...answers,
    issuer: 'token',
    issuerCertificate: nickname,
    ...(ca.validityDays === undefined ? {} : { serverDays: ca.validityDays }),
    // What another CA signed is renewed by that CA.
    certificates: isSelfSigned(certificate) ? [{ nickname, profile: 'caCACert' }] : [],
  });
  return { instance: parseInstance(ca.id, file, parse(text)), text };
}

/** The CA's own certificate, which stands first in its file, and those above it. */
function certificatesOf({ id, cert }: KipukaCa): { readonly own: Certificate; readonly above: readonly Certificate[] } {
  const what = `The certificate of [[ca]] '${id}', ${cert},`;
  const [own, ...above] = certificatesFromPem(contentOf(cert), cert).map((der) => parseCertificate(der, what));
  if (own === undefined) throw new HsmongerError('CERTIFICATE_INVALID', `${what} has no PEM certificate in it.`);
  return { own, above };
}

function contentOf(file: string): string {
  try {
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > maxBytes) throw new Error('it is no regular file of at most 1 MiB');
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new HsmongerError('CONFIG_NOT_FOUND', `Cannot read ${file}: ${sentenceOf(error)}.`, { cause: error });
  }
}
