import { rmSync } from 'node:fs';
import type { Certmonger } from '../../dbus/certmonger.js';
import { stateDirectory } from '../config/directories.js';
import type { InstanceSite } from '../config/instance.js';
import { instanceNames, loadInstance } from '../config/load.js';
import { tokensOf } from '../config/token-views.js';
import { HsmongerError } from '../errors.js';
import { moduleName } from '../nss/modules.js';
import { runningAsRoot } from '../platform/service-user.js';
import { askService } from '../service/ask.js';
import { applyChanges } from '../tracking/apply.js';
import { planTracking } from '../tracking/plan.js';
import type { AddCommand, Surroundings } from './command.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { giveBackCas, giveBackRequests } from './setup/freeipa/give-back.js';
import { harmless, json } from './output.js';
import { forgetTakenOver, readTakenOver } from './setup/freeipa/memory.js';
import { questionsFor } from './setup/questions.js';
import { rememberModule } from './setup/remember-module.js';
import { removeState } from './state-directory.js';
import { withCertmonger } from './with-certmonger.js';

interface UnsetupOptions extends GlobalOptions {
  readonly yes: boolean;
  readonly purge: boolean;
}

/** `unsetup`: takes back what setup did. Keys and certificates are never touched. */
export const addUnsetup: AddCommand = (yargs, run) =>
  yargs.command(
    'unsetup',
    'Take back what setup did; keys and certificates stay where they are',
    (unsetup) =>
      unsetup.option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'Ask nothing' }).option('purge', {
        type: 'boolean',
        default: false,
        describe: 'Delete the state directory too: ledger, journal, superseded certificates',
      }),
    run(unsetup),
  );

async function unsetup(options: UnsetupOptions, { io, env }: Surroundings): Promise<number> {
  if (!runningAsRoot())
    throw new HsmongerError('NOT_PERMITTED', 'unsetup removes the instance file and changes certmonger: run it as root.');
  const place = instanceOf(options, env);
  const { instance, directories } = place;
  const questions = questionsFor(io, options.yes);
  if (!(await questions.confirm(`Stop tracking all certificates of '${instance.name}' and remove ${instance.file}?`))) return 1;
  const done: string[] = [];
  const takenOver = readTakenOver(directories, instance.name);
  const keptPinFiles: string[] = [];
  await withCertmonger(options.bus, env, async (certmonger) => {
    if (takenOver !== undefined) {
      const given = await giveBackRequests(certmonger, takenOver);
      done.push(...given.done);
      keptPinFiles.push(...given.neededPinFiles);
    }
    const existing = await certmonger.listRequests();
    for (const { change, outcome, message } of await applyChanges(certmonger, planTracking({ instance, ids: [], desired: [], existing }))) {
      if (change.kind !== 'remove') continue;
      if (outcome !== 'done')
        throw new HsmongerError(
          'CERTMONGER_REFUSED',
          `certmonger goes on tracking '${change.id}': ${message ?? outcome}. What is left can be taken back by running unsetup again.`,
        );
      done.push(`stopped tracking '${change.nickname ?? change.id}'; key and certificate stay on the token`);
    }
    if (takenOver !== undefined) done.push(...(await giveBackCas(certmonger, takenOver)));
    // An IPA server's CA was there before us: without a memory of it, it stays.
    else if (instance.freeipa === undefined && (await removeCa(certmonger, instance.name)))
      done.push(`removed the CA '${instance.name}' from certmonger`);
  });
  const { addedModules } = await askService(place, 'read setup memory', undefined);
  for (const name of addedModules) done.push(await takeBackModule(place, name));
  for (const file of takenOver?.pinFiles ?? []) {
    if (keptPinFiles.includes(file)) continue;
    rmSync(file, { force: true });
    done.push(`removed ${file}`);
  }
  forgetTakenOver(directories, instance.name);
  if (options.purge) {
    await removeState(place);
    done.push(`deleted ${stateDirectory(directories, instance)}`);
  } else {
    done.push(`kept ${stateDirectory(directories, instance)} (ledger, journal, superseded certificates); --purge deletes it`);
  }
  // Last: until here unsetup can be run again after any failure.
  rmSync(instance.file);
  done.push(`removed ${instance.file}`);
  io.out(options.json ? json({ instance: instance.name, done }) : done.map((line) => `${harmless(line)}\n`).join(''));
  return 0;
}

async function removeCa(certmonger: Certmonger, nickname: string): Promise<boolean> {
  const ca = certmonger.ca(nickname);
  if ((await ca.find()) === undefined) return false;
  await ca.remove();
  return true;
}

/** Takes out of the NSS database what setup put in, unless another instance needs it. */
async function takeBackModule(place: InstanceSite, name: string): Promise<string> {
  const { instance, directories } = place;
  const user = instanceNames(directories)
    .filter((other) => other !== instance.name)
    .map((other) => loadInstance(directories, other))
    .find(
      (other) =>
        other.nss.database === instance.nss.database &&
        tokensOf(other).some(({ module }) => moduleName(module) === name && tokensOf(instance).some((own) => own.module === module)),
    );
  if (user !== undefined) {
    await rememberModule({ instance: user, directories }, name);
    return `left the module '${name}' in ${instance.nss.database}: instance '${user.name}' uses it`;
  }
  const removed = await askService(place, 'remove NSS module', { name });
  const { addedModules } = await askService(place, 'read setup memory', undefined);
  await askService(place, 'write setup memory', { addedModules: addedModules.filter((other) => other !== name) });
  return removed
    ? `removed the module '${name}' from ${instance.nss.database}`
    : `the module '${name}' was gone from ${instance.nss.database} already`;
}
