import { existsSync } from 'node:fs';
import { parse } from 'smol-toml';
import { requestIds } from '../../../config/request-id.js';
import type { Directories, Instance } from '../../../config/instance.js';
import { instanceFile, loadInstance } from '../../../config/load.js';
import { parseInstance } from '../../../config/schema.js';
import { readPasswordConf } from '../../../freeipa/password-conf.js';
import { accountOf } from '../../../platform/service-user.js';
import { planTracking, type Change } from '../../../tracking/plan.js';
import type { Survey } from '../../../tracking/survey.js';
import { leavingBusy, nothingTaken, withTaken } from '../../../tracking/take-over.js';
import { assertAgreement } from '../agreement.js';
import { instanceText } from '../document.js';
import type { SetupOptions } from '../options.js';
import type { Drafting, Undertaking } from '../set-up.js';
import { workFor } from '../work.js';
import { assertTrustedPlace } from '../write-instance.js';
import { discoverServer } from './discover.js';
import { readTakenOver, writeTakenOver } from './memory.js';
import { freeIpaCas } from './names.js';
import { provePins, stalePinFiles, withPinsInMemory, writePinFile, type PinFile } from './pin-files.js';

/** `setup --freeipa`: what is to become of this server. A later run takes over what came anew. */
export function fromServer(name: string, options: SetupOptions, directories: Directories, root: string): Drafting {
  return async (questions) => {
    const file = instanceFile(directories, name);
    const undertaking = (instance: Instance, text: string | undefined) =>
      undertakingOf(instance, text, stalePinFiles(instance, directories, readPasswordConf(root), root), directories);
    if (existsSync(file)) {
      const instance = loadInstance(directories, name);
      assertAgreement(instance, options);
      return undertaking(instance, undefined);
    }
    assertTrustedPlace(file);
    const text = instanceText(name, await discoverServer({ options, instance: name, directories, questions, root }));
    return undertaking(parseInstance(name, file, parse(text)), text);
  };
}

/** `stale`: the PIN files that do not say what they should. */
function undertakingOf(instance: Instance, text: string | undefined, stale: readonly PinFile[], directories: Directories): Undertaking {
  const helpers = ({ facts }: Survey) => freeIpaCas(instance.name, facts[0].submitCommand);
  return {
    instance,
    text,
    announcement: 'hsmonger will, after noting down how to give it back',
    looking: async (look) => {
      await provePins({ instance, directories }, stale);
      return withPinsInMemory(instance, stale, accountOf(instance.user), look);
    },
    changes: (survey) => changesOf(instance, stale, survey),
    // What is to be trusted has been since the server's installation.
    works: (survey, changes) =>
      Promise.resolve([
        ...stale.map(({ file, from }) => ({ kind: 'write PIN file' as const, file, from })),
        ...workFor({ instance, fileExists: text === undefined, cas: helpers(survey), facts: survey.facts, changes }),
      ]),
    beforeWork: (survey, changes) => {
      const [{ requests, cas }] = survey.facts;
      const memory = readTakenOver(directories, instance.name) ?? nothingTaken;
      const pinFiles = stale.map(({ file }) => file);
      writeTakenOver(
        directories,
        instance.name,
        withTaken(memory, { changes, existing: requests, helpers: helpers(survey), cas, pinFiles }),
      );
    },
    writePinFile: (file) => {
      for (const pinFile of stale) if (pinFile.file === file) writePinFile(pinFile, accountOf(instance.user));
    },
  };
}

/** The survey's changes with the PIN files' real names: the survey saw stand-ins where they are not written yet. */
function changesOf(instance: Instance, stale: readonly PinFile[], { desired, facts }: Survey): Change[] {
  const files = {
    token: instance.token?.pin.from === 'file' ? instance.token.pin.path : undefined,
    internal: instance.nss.passwordFile,
    file: undefined,
  };
  const real = desired.map((request) =>
    stale.length === 0 || request.pinFile === undefined ? request : { ...request, pinFile: files[request.place.kind] },
  );
  return leavingBusy(
    planTracking({ instance, ids: requestIds(instance).values(), desired: real, existing: facts[0].requests }),
    facts[0].requests,
    instance.name,
  );
}
