import { existsSync } from 'node:fs';
import path from 'node:path';
import { agentConfFile } from '../config/agent-conf.js';
import type { Directories } from '../config/instance.js';
import { HsmongerError } from '../errors.js';
import { runningAsRoot } from '../platform/service-user.js';
import { unpack, withStaging } from './backup/archive.js';
import { assertReadable, assertReplaceable, contentOf, ordered, type Order } from './backup/check.js';
import { parseManifest, type Manifest } from './backup/manifest.js';
import { put, type Placed } from './backup/put-back.js';
import { toldCrlNumber } from './ca/ledger/told-crl-number.js';
import type { AddCommand, Surroundings } from './command.js';
import { absolutePath } from './flags.js';
import { directoriesOf, type GlobalOptions } from './global-options.js';
import { harmless, json } from './output.js';
import { writeInstanceFile } from './setup/write-instance.js';

interface RestoreOptions extends GlobalOptions {
  readonly file: string | undefined;
  readonly replace: readonly string[] | undefined;
  readonly above: readonly LastCrl[] | undefined;
}

/** The number of the last published CRL, decimal: of the instance of that name, or of the only one. */
interface LastCrl {
  readonly name?: string;
  readonly number: string;
}

/** `restore`: puts a backup in place. What is there already is kept aside, and replaced only for instances that are typed. */
export const addRestore: AddCommand = (yargs, run) =>
  yargs.command(
    'restore <file>',
    'Put ledgers, state and instance files back from a file that backup made',
    (restore) =>
      restore
        .positional('file', { type: 'string', demandOption: true, coerce: absolutePath, describe: 'What backup made' })
        .option('replace', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Name of an instance that is there already and is to be replaced, repeatable; what is there is kept beside it',
        })
        .option('above', {
          type: 'string',
          array: true,
          requiresArg: true,
          coerce: lastCrls,
          describe:
            'Number of the last published CRL (openssl crl -crlnumber), decimal or 0x…, as NAME=NUMBER where there are several instances, repeatable; the next one is above it [one a second since the backup]',
        })
        .example('hsmonger restore /root/hsmonger-2026-11-26.tar --replace hsmonger --above 0x2A', ''),
    run(restore),
  );

/** As openssl prints it, or decimal; decimal again. */
function lastCrls(values: readonly string[] | undefined): LastCrl[] | undefined {
  return values?.map((value) => {
    const [, name, number = ''] = /^(?:([^=]*)=)?(.*)$/su.exec(value) ?? [];
    if (!/^(?:0x[0-9a-f]{1,40}|\d{1,48})$/iu.test(number))
      throw new HsmongerError(
        'USAGE',
        `--above wants the number of a CRL, decimal or as openssl prints it (0x2A), with NAME= before it where there are several instances, not '${value}'.`,
      );
    return { ...(name === undefined ? {} : { name }), number: toldCrlNumber(number) };
  });
}

/** By instance. A number without a name is of the only one that can have signed: another's would let its CRL numbers come back. */
function lastNumbers(told: readonly LastCrl[], orders: readonly Order[], file: string): ReadonlyMap<string, string> {
  const names = orders.flatMap(({ backup }) => (backup.parts.length === 0 ? [] : [backup.name]));
  return new Map(
    told.map(({ name, number }) => {
      const [only, another] = names;
      if (name === undefined && another !== undefined)
        throw new HsmongerError(
          'USAGE',
          `${file} has ${String(names.length)} instances, each with CRL numbers of its own; say whose the number is: ${names.map((one) => `--above ${one}=NUMBER`).join(', ')}.`,
        );
      const whose = name ?? only;
      if (whose === undefined || !names.includes(whose))
        throw new HsmongerError('USAGE', `${file} has no state of an instance '${whose ?? ''}', so --above tells nothing of it.`);
      return [whose, number];
    }),
  );
}

async function restore(options: RestoreOptions, { io, env, clock }: Surroundings): Promise<number> {
  if (!runningAsRoot())
    throw new HsmongerError(
      'NOT_PERMITTED',
      'restore writes instance files, and the state of every instance as its service user: run it as root.',
    );
  const file = options.file ?? '';
  assertReadable(file);
  const directories = directoriesOf(options, env);
  const done = await withStaging(file, async (staging) => {
    await unpack(file, staging);
    const manifest = parseManifest(contentOf(file, path.join(staging, 'manifest.json')), file);
    const orders = manifest.instances.map((backup) => ordered(backup, staging, directories, file));
    assertReplaceable(orders, directories, options.replace ?? [], file);
    const above = lastNumbers(options.above ?? [], orders, file);
    restoreAgentConf(manifest, staging, directories, file);
    const results: (Placed & { readonly name: string })[] = [];
    for (const order of orders)
      results.push({ name: order.backup.name, ...(await put(order, manifest, directories, above.get(order.backup.name), clock())) });
    return results;
  });
  if (options.json) io.out(json(done));
  else {
    for (const { name, settled, aside, begun = [] } of done) {
      io.out(
        `${harmless(name)}: restored${settled === undefined ? '; it had no state' : `; the next CRL has a number above ${settled.crlNumber}`}${aside === undefined ? '' : `; what was there is kept in ${harmless(aside)}`}\n`,
      );
      if (settled !== undefined && settled.dropped.length > 0)
        io.out(
          `${harmless(name)}: a saving was in progress when the backup was made, and is not gone on with: ${settled.dropped.map((nickname) => `'${harmless(nickname)}'`).join(', ')}; 'hsmonger status' says whether all is in place\n`,
        );
      for (const other of begun)
        io.err(
          `hsmonger: ${harmless(`Another process began a new state for '${name}' in the moment it was replaced; it is kept in ${other}, and what was issued in it is not in the restored ledger.`)}\n`,
        );
    }
    io.err(
      "hsmonger: certificates issued and revoked after the backup was made are not in the ledger; PIN files, keys and NSS databases were not in it. Run 'hsmonger setup --instance NAME' for each instance, then 'hsmonger doctor'.\n",
    );
  }
  return 0;
}

function restoreAgentConf(manifest: Manifest, staging: string, directories: Directories, file: string): void {
  if (manifest.agentConf === undefined) return;
  const content = contentOf(file, path.join(staging, 'agent.conf'), manifest.agentConf);
  const target = agentConfFile(directories);
  // What somebody has written here since is not the instances' business.
  if (!existsSync(target)) writeInstanceFile(target, content);
}
