import { parseCertificate } from '../../x509/parse-certificate.js';
import { equalBytes } from '../../x509/der.js';
import type { ObjectStore } from '../object-stores.js';
import type { Evidence, Refusal } from '../preflight.js';
import type { Sighting } from '../sightings.js';

/**
 * When certmonger saves, it deletes every certificate of that store that has the same nickname and another subject, or the same
 * subject and another nickname, together with its private key (certsave-n.c:472-560,820-840): design rule 2.
 */
export function subjects({ seen, stores }: Pick<Evidence, 'seen' | 'stores'>): Refusal[] {
  return stores.flatMap((store) =>
    clashes(
      store,
      seen.filter(({ storage }) => storage.kind === store.kind),
    ),
  );
}

function clashes({ kind, name, certificates }: ObjectStore, seen: readonly Sighting[]): Refusal[] {
  const others = certificates.flatMap(({ label, der }) => {
    const subject = subjectOf(der);
    // Without a label: certificate-labels speaks of it.
    return label === '' || subject === undefined ? [] : [{ label, subject }];
  });
  const where = `${kind === 'token' ? 'on' : 'in'} ${name}`;
  return seen.flatMap(({ nickname, certificate }): Refusal[] => {
    if (certificate === undefined) return [];
    return others.flatMap(({ label, subject }): Refusal[] => {
      const same = equalBytes(subject, certificate.subject);
      if ((label === nickname) === same) return [];
      const problem = same
        ? `The certificates '${nickname}' and '${label}' ${where} have the same subject; certmonger would delete '${label}' and its key when it saves '${nickname}'.`
        : `There are certificates of different subjects under the nickname '${nickname}' ${where}; certmonger would delete the other one and its key when it saves.`;
      return [
        {
          check: 'subjects',
          nickname,
          problem,
          fix: same
            ? `Move '${label}' to another token, or export and remove that certificate object if it is not needed.`
            : 'Relabel the other certificate, or export and remove that certificate object.',
        },
      ];
    });
  });
}

function subjectOf(der: Uint8Array): Uint8Array | undefined {
  try {
    return parseCertificate(der).subject;
  } catch {
    // What cannot be read NSS does not see as a certificate either.
    return undefined;
  }
}
