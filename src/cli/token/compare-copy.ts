import type { TokenContents } from '../../service/tasks/token/inspect-token.js';
import type { CountedObject } from '../../pkcs11/objects/census.js';
import { hex } from '../../platform/hex.js';

/** A file below the copied directory. */
export interface CopiedFile {
  readonly name: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
}

/**
 * What is wrong with owner and modes of a copy, as sentences. `unreadable`: it is a token's directory, and the service user could not log
 * in there.
 */
export function faultsOfFiles({
  directory,
  user,
  uid,
  files,
}: {
  readonly directory: string;
  readonly user: string;
  readonly uid: number;
  readonly files: readonly CopiedFile[];
}): { readonly unreadable: boolean; readonly faults: readonly string[] } {
  const foreign = files.filter((file) => file.uid !== uid).map(({ name }) => name);
  const open = files.filter((file) => (file.mode & 0o077) !== 0).map(({ name }) => name);
  return {
    unreadable: foreign.some((name) => /^[^/]+\/token\.object$/u.test(name)),
    faults: [
      ...(foreign.length === 0
        ? []
        : [`'${user}' does not own ${some(foreign)} in ${directory}, so it cannot log in there: chown -R ${user}: ${directory}.`]),
      ...(open.length === 0
        ? []
        : [`Others can get at ${some(open)} in ${directory}, and with the PIN at the keys: chmod -R go= ${directory}.`]),
    ],
  };
}

/**
 * What keeps a copied token from standing in for its original, as sentences; none where it can. `before` and `after`: the original, read
 * before the copy and after it.
 */
export function faultsOfCopy(given: {
  readonly directory: string;
  readonly before: TokenContents;
  readonly copy: TokenContents;
  readonly after: TokenContents;
  /** What original and copy hold of every kind. */
  readonly census: { readonly original: readonly CountedObject[]; readonly copy: readonly CountedObject[] };
}): string[] {
  const { directory, before, copy, after, census } = given;
  return [
    ...(same(before, after)
      ? []
      : [
          `The token '${before.description.label}' changed while it was compared: stop what writes on it (certmonger, the CA's server), copy it again, and compare again.`,
        ]),
    ...(copy.description.serial === before.description.serial
      ? []
      : [
          `The token in ${directory} has the serial ${copy.description.serial}, and '${before.description.label}' here has ${before.description.serial}: it is another token, not a copy.`,
        ]),
    ...differences('private key', keysOf(before), keysOf(copy)),
    ...relabelled(keysOf(before), keysOf(copy)),
    ...differences('certificate', certificatesOf(before), certificatesOf(copy)),
    ...(['public key', 'secret key', 'data object'] as const).flatMap((kind) =>
      differences(kind, countedOf(census.original, kind), countedOf(census.copy, kind)),
    ),
  ];
}

/** What shows no value is told apart by its label, and one of a label from the next by its number. */
function countedOf(objects: readonly CountedObject[], kind: CountedObject['kind']): Map<string, string> {
  const counts = new Map<string, number>();
  return new Map(
    objects
      .filter((object) => object.kind === kind)
      .map(({ label }) => {
        const number = (counts.get(label) ?? 0) + 1;
        counts.set(label, number);
        return [`${String(number)} ${label}`, `'${label}'${number === 1 ? '' : ` (number ${String(number)} of that label)`}`];
      }),
  );
}

/**
 * By what makes it the same key: value and CKA_ID. Its label is no part of that: certmonger empties it when it saves a certificate
 * (certsave-n.c), and a key that only lost it is not to be called missing.
 */
function keysOf({ keys }: TokenContents): Map<string, string> {
  const named = new Map<string, string>();
  for (const { id, label, type, spki } of keys) {
    const key = `${type} ${spki === undefined ? '' : hex(spki)} ${hex(id)}`;
    const others = named.get(key);
    named.set(key, `${others === undefined ? '' : `${others}, `}'${label}' (CKA_ID ${hex(id)})`);
  }
  return named;
}

function certificatesOf({ certificates }: TokenContents): Map<string, string> {
  return new Map(certificates.map(({ id, label, der }) => [`${hex(der)} ${hex(id)} ${label}`, `'${label}' (CKA_ID ${hex(id)})`]));
}

function relabelled(original: ReadonlyMap<string, string>, copy: ReadonlyMap<string, string>): string[] {
  return [...original].flatMap(([key, name]) => {
    const other = copy.get(key);
    return other === undefined || other === name
      ? []
      : [`The private key ${name} has another label than in the copy, ${other}: one of them was written on after the copy was made.`];
  });
}

function differences(kind: string, original: ReadonlyMap<string, string>, copy: ReadonlyMap<string, string>): string[] {
  const only = (these: ReadonlyMap<string, string>, those: ReadonlyMap<string, string>) =>
    [...these].filter(([key]) => !those.has(key)).map(([, name]) => name);
  return [
    ...only(original, copy).map((name) => `The copy lacks the ${kind} ${name}: copy the token again.`),
    ...only(copy, original).map(
      (name) => `The copy has a ${kind} ${name} that the token here has not: one of them was written on after the copy was made.`,
    ),
  ];
}

function same(one: TokenContents, other: TokenContents): boolean {
  const all = (contents: TokenContents) => JSON.stringify([[...keysOf(contents)].sort(), [...certificatesOf(contents)].sort()]);
  return all(one) === all(other);
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${String(names.length - 3)} more` : ''}`;
}
