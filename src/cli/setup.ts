import { HsmongerError } from '../errors.js';
import { runningAsRoot } from '../platform/service-user.js';
import type { AddCommand, Surroundings } from './command.js';
import { directoriesOf } from './global-options.js';
import { fromAnswers, fromFile, fromWritten } from './setup/drafts.js';
import { fromServer } from './setup/freeipa/from-server.js';
import { freeIpaInstanceOf } from './setup/freeipa/names.js';
import { setUpFromKipuka } from './setup/from-kipuka.js';
import { withSetupOptions, type SetupOptions } from './setup/options.js';
import { printPkispawn } from './setup/print-pkispawn.js';
import { setUp } from './setup/set-up.js';

/** `setup`: from nothing to tracked certificates; run again it finishes what is missing, or changes nothing. */
export const addSetup: AddCommand = (yargs, run) =>
  yargs.command(
    'setup',
    "Hand the renewal of a CA's certificates to certmonger; run again it changes nothing",
    (setup) =>
      withSetupOptions(setup)
        .example('hsmonger setup', 'Ask for what cannot be found')
        .example('hsmonger setup --from ca1.toml --pin-file /etc/hsmonger/hsmonger.pin', 'On a second host of the same token')
        .example(
          'hsmonger setup --yes --token ca --module /usr/lib/softhsm/libsofthsm2.so --pin-file /etc/hsmonger/ca.pin --dbdir /etc/pki/pki-tomcat/alias',
          '',
        ),
    run(setup),
  );

async function setup(options: SetupOptions, surroundings: Surroundings): Promise<number> {
  if (options.printPkispawn) return printPkispawn(options, surroundings);
  if (!runningAsRoot()) throw new HsmongerError('NOT_PERMITTED', 'setup writes the instance file and changes certmonger: run it as root.');
  const directories = directoriesOf(options, surroundings.env);
  const { instance, from, fromKipuka } = options;
  if (options.freeipa && from !== undefined)
    throw new HsmongerError('USAGE', 'Give --from or --freeipa: the servers of an IPA domain find each other in the directory.');
  if (options.freeipa) {
    const name = freeIpaInstanceOf(instance);
    return setUp(name, fromServer(name, options, directories, surroundings.root ?? '/'), options, surroundings);
  }
  if (fromKipuka !== undefined)
    return setUpFromKipuka(fromKipuka, options, surroundings, (each, written) =>
      setUp(each.instance, fromWritten(written, directories), each, surroundings),
    );
  return setUp(
    instance,
    from === undefined ? fromAnswers(options, directories) : fromFile(from, options, directories),
    options,
    surroundings,
  );
}
