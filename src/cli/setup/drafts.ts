import { existsSync } from 'node:fs';
import { parse } from 'smol-toml';
import type { Directories, Instance } from '../../config/instance.js';
import { instanceFile, loadInstance } from '../../config/load.js';
import { parseInstance } from '../../config/schema.js';
import { HsmongerError } from '../../errors.js';
import { fitted } from '../token/label-by-uri.js';
import { assertAgreement } from './agreement.js';
import { gatherAnswers } from './answers.js';
import { instanceText } from './document.js';
import { withoutTrust } from './first-trust.js';
import { cloneOf } from './from-file.js';
import type { Written } from './from-kipuka.js';
import type { SetupOptions } from './options.js';
import type { Drafting, Undertaking } from './set-up.js';
import { workFor } from './work.js';
import { assertTrustedPlace } from './write-instance.js';

/** The instance as it is, or by the flags and what is found and answered. */
export function fromAnswers(options: SetupOptions, directories: Directories): Drafting {
  return async (questions, tell) => {
    const file = instanceFile(directories, options.instance);
    if (existsSync(file)) {
      const instance = loadInstance(directories, options.instance);
      assertAgreement(instance, await fitted(options, directories));
      return undertakingOf(instance, undefined, directories);
    }
    assertTrustedPlace(file);
    const text = instanceText(options.instance, await gatherAnswers(options, directories, questions, tell));
    return undertakingOf(parseInstance(options.instance, file, parse(text)), text, directories);
  };
}

/** A second host: the first one's file says everything, and what was written by it before must say the same. */
export function fromFile(from: string, options: SetupOptions, directories: Directories): Drafting {
  return (_questions, tell) =>
    Promise.resolve().then(() => {
      const file = instanceFile(directories, options.instance);
      const { instance, text } = cloneOf(from, file, options, tell);
      if (!existsSync(file)) {
        assertTrustedPlace(file);
        return undertakingOf(instance, text, directories);
      }
      if (JSON.stringify(loadInstance(directories, options.instance)) !== JSON.stringify(instance))
        throw new HsmongerError(
          'USAGE',
          `${file} exists and says otherwise than ${from} does for this host: edit it and run setup without --from, or run 'hsmonger unsetup --instance ${options.instance}' first.`,
        );
      return undertakingOf(instance, undefined, directories);
    });
}

/** What another program's configuration says, for an instance that may have no file yet. */
export function fromWritten({ instance, text }: Written, directories: Directories): Drafting {
  return () =>
    Promise.resolve().then(() =>
      existsSync(instance.file)
        ? undertakingOf(loadInstance(directories, instance.name), undefined, directories)
        : undertakingOf(instance, text, directories),
    );
}

function undertakingOf(instance: Instance, text: string | undefined, directories: Directories): Undertaking {
  return {
    instance,
    text,
    announcement: 'hsmonger will',
    looking: (look) => look(instance),
    changes: (survey) => survey.changes,
    works: async (survey, changes) => {
      const untrusted = await withoutTrust({ instance, directories }, survey);
      return workFor({ instance, fileExists: text === undefined, facts: survey.facts, untrusted, changes });
    },
    beforeWork: () => undefined,
    // It is the administrator's.
    writePinFile: () => undefined,
  };
}
