import { realpathSync } from 'node:fs';
import type { CertificateStorage, Instance, TokenConfig } from '../config/instance.js';
import { pinPathOf, tokenName } from '../config/token-of.js';
import { lyingOn, tokensOf } from '../config/token-views.js';
import { moduleName } from '../nss/modules.js';
import type { TokenDescription } from '../pkcs11/token.js';
import { nameText, sameName } from '../x509/names/name.js';
import type { Warning } from './freeipa-table.js';
import { samePlace } from './place.js';
import type { Refusal } from './preflight.js';

/** An instance of this host with what its tokens say of themselves. */
export interface Resident {
  readonly instance: Instance;
  readonly tokens: readonly ResidentToken[];
}

export interface ResidentToken {
  /** By the name of [tokens.NAME]; the instance's own token has none. */
  readonly on?: string;
  readonly config: TokenConfig;
  /** Absent where the token was not seen. */
  readonly description?: TokenDescription;
}

/** What speaks against an instance beside the others of its host, which share tokens, NSS databases and certmonger with it. */
export interface Clashes {
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly Warning[];
}

/** The checks that tell of clashes, for those that show them apart. */
export const clashChecks = ['nickname-shared', 'issuer-shared', 'module-names', 'pin-shared'] as const;

/** Pure: no token is asked. The instance itself may be among the others; it is passed over. */
export function clashesOf(own: Resident, all: readonly Resident[]): Clashes {
  const others = all.filter(({ instance }) => instance.name !== own.instance.name);
  return {
    refusals: [
      ...others.flatMap((other) => [...sharedCertificates(own, other), ...sharedIssuers(own, other), ...sharedPins(own, other)]),
      ...moduleNames(own, others),
    ],
    warnings: others.flatMap((other) => differentPinFiles(own, other)),
  };
}

/** A certificate that is to be made, on one of the instance's tokens. */
export interface Planned {
  readonly nickname: string;
  /** The name of the further token; absent for the instance's own. */
  readonly on?: string | undefined;
  /** DER Name. */
  readonly subject?: Uint8Array | undefined;
  /** The instance, not this one, whose CA issues it and keeps it alive. */
  readonly renewer?: string;
  /** It is a CA's, and may be the one another instance issues with. */
  readonly ca: boolean;
}

/** An instance, and the subject its CA has asked another CA for a certificate for. */
export interface Applicant extends Resident {
  /** DER Name. */
  readonly asksFor?: Uint8Array;
}

/** What speaks against a certificate before there is one. Pure, as above. */
export function plannedClashes(own: Resident, planned: Planned, all: readonly Applicant[]): readonly Refusal[] {
  const { nickname, on, renewer, ca } = planned;
  const stored: Stored = { nickname, storage: { kind: 'token', ...(on === undefined ? {} : { on }) } };
  return all
    .filter(({ instance }) => instance.name !== own.instance.name)
    .flatMap((other): Refusal[] => {
      const { name, file, issuer, certificates } = other.instance;
      const where = `${whereOf(own, stored.storage)} belongs to instance '${name}' (${file})`;
      const twin = name === renewer ? undefined : certificates.find((one) => holdsSame(own, stored, other, one));
      if (twin !== undefined)
        return [
          {
            check: 'nickname-shared',
            nickname,
            problem: `The nickname '${nickname}' ${where}.`,
            fix: 'Choose another: nicknames are unique on an HSM, whichever instance they belong to.',
          },
        ];
      if (issuer.type !== 'token' || !sameToken(tokenFor(own, stored.storage), tokenFor(other))) return [];
      const isIssuers = issuer.certificate === nickname;
      if (isIssuers && !(ca && own.instance.issuer.certificate !== nickname))
        return [
          {
            check: 'nickname-shared',
            nickname,
            problem: `The nickname '${nickname}' ${where}, whose CA has it.`,
            fix: 'Choose another: nicknames are unique on an HSM, whichever instance they belong to.',
          },
        ];
      if (isIssuers || planned.subject === undefined || other.asksFor === undefined || !sameName(planned.subject, other.asksFor)) return [];
      return [
        {
          check: 'subject-shared',
          nickname,
          problem: `The CA of instance '${name}' (${file}) has asked for a certificate for ${nameText(planned.subject)}, to lie on the same token, and certmonger deletes one of two certificates with one subject, its key with it.`,
          fix: 'Choose another subject.',
        },
      ];
    });
}

/**
 * RHCS: "any certificate nickname for a subsystem must be unique for every subsystem instance managed on the HSM". certmonger saves by
 * nickname, and deletes what else has it.
 */
function sharedCertificates(own: Resident, other: Resident): Refusal[] {
  return own.instance.certificates.flatMap(({ nickname, storage }): Refusal[] => {
    const twin = other.instance.certificates.find((one) => holdsSame(own, { nickname, storage }, other, one));
    if (twin === undefined) return [];
    return [
      {
        check: 'nickname-shared',
        nickname,
        problem: `The certificate '${nickname}' ${whereOf(own, storage)} is in the instance '${other.instance.name}' as well (${other.instance.file}); two instances would renew it, each under its own CA.`,
        fix: `Leave it in one of the two instance files; a certificate of its own needs a nickname of its own, and nicknames are unique on an HSM, whichever instance they belong to.`,
      },
    ];
  });
}

interface Stored {
  readonly nickname: string;
  readonly storage: CertificateStorage;
}

function holdsSame(own: Resident, mine: Stored, other: Resident, theirs: Stored): boolean {
  switch (mine.storage.kind) {
    case 'token':
      return (
        theirs.storage.kind === 'token' &&
        mine.nickname === theirs.nickname &&
        sameToken(tokenFor(own, mine.storage), tokenFor(other, theirs.storage))
      );
    case 'internal':
      return (
        theirs.storage.kind === 'internal' &&
        mine.nickname === theirs.nickname &&
        samePlace(own.instance.nss.database, other.instance.nss.database)
      );
    case 'file':
      return (
        theirs.storage.kind === 'file' &&
        (samePlace(mine.storage.certificate, theirs.storage.certificate) || samePlace(mine.storage.key, theirs.storage.key))
      );
  }
}

/** Two ledgers would give out serial numbers of one CA, and number its CRLs. */
function sharedIssuers(own: Resident, other: Resident): Refusal[] {
  const [mine, theirs] = [own.instance.issuer, other.instance.issuer];
  if (
    mine.type !== 'token' ||
    theirs.type !== 'token' ||
    mine.certificate !== theirs.certificate ||
    !sameToken(tokenFor(own), tokenFor(other))
  )
    return [];
  return [
    {
      check: 'issuer-shared',
      problem: `The instances '${own.instance.name}' and '${other.instance.name}' both issue with the CA '${mine.certificate}' on one token: each has a ledger of its own, so neither knows what the other issued or revoked, and their CRLs are numbered apart.`,
      fix: `Put the certificates of both into one instance file, ${other.instance.file} or ${own.instance.file}: one instance is one CA.`,
    },
  ];
}

/** modutil knows a module by its name: a second of that name in one database cannot be registered (setup names it after the file). */
function moduleNames(own: Resident, others: readonly Resident[]): Refusal[] {
  const { database } = own.instance.nss;
  const beside = others.filter(({ instance }) => samePlace(instance.nss.database, database));
  const modules = [...new Set(tokensOf(own.instance).map(({ module }) => module))];
  const theirs = beside.flatMap(({ instance }) =>
    tokensOf(instance).map(({ module }) => ({ module, whose: ` of instance '${instance.name}'` })),
  );
  return modules.flatMap((module, index): Refusal[] => {
    const known = [...modules.slice(0, index).map((earlier) => ({ module: earlier, whose: '' })), ...theirs];
    const taken = known.find((one) => real(one.module) !== real(module) && moduleName(one.module) === moduleName(module));
    if (taken === undefined) return [];
    return [
      {
        check: 'module-names',
        problem: `The modules ${module} and ${taken.module}${taken.whose} would both be called '${moduleName(module)}' in the NSS database ${database}, which knows one of that name.`,
        fix: 'Give one of the instances an NSS database of its own, or name one module through a link with another file name.',
      },
    ];
  });
}

/** `unlock` for the one token takes the other's PIN away, and certmonger spends its attempts on what is there. */
function sharedPins(own: Resident, other: Resident): Refusal[] {
  return own.tokens.flatMap((token): Refusal[] => {
    const file = pinPathOf(token.config.pin);
    if (file === undefined) return [];
    // One that is not seen may be the same token by another name.
    const twin = other.tokens.find((one) => {
      const path = pinPathOf(one.config.pin);
      const inMemory = token.config.pin.from === 'unlocked' || one.config.pin.from === 'unlocked';
      const seen = token.description !== undefined && one.description !== undefined;
      return inMemory && path !== undefined && real(path) === real(file) && seen && !sameToken(token, one);
    });
    if (twin === undefined) return [];
    return [
      {
        check: 'pin-shared',
        problem: `The PIN of the token '${labelOf(token)}' would lie in ${file} while unlocked, and so would that of '${labelOf(twin)}' of instance '${other.instance.name}' (${other.instance.file}): one takes the other's place, and certmonger spends login attempts on it.`,
        fix: `Let 'pin-unlock' name another file in one of the two.`,
      },
    ];
  });
}

/** One is changed, the other forgotten, and certmonger spends the token's attempts on it. */
function differentPinFiles(own: Resident, other: Resident): Warning[] {
  return own.tokens.flatMap((token): Warning[] => {
    const twin = other.tokens.find((one) => sameToken(token, one));
    const [mine, theirs] = [pinPathOf(token.config.pin), pinPathOf(twin?.config.pin)];
    if (mine === undefined || theirs === undefined || real(mine) === real(theirs)) return [];
    return [
      {
        check: 'pin-files',
        problem: `The PIN of the token '${labelOf(token)}' lies in ${mine} for instance '${own.instance.name}' and in ${theirs} for '${other.instance.name}'; where one is changed and the other is not, certmonger spends the token's login attempts: let both name one file, or change them with 'hsmonger token change-pin'.`,
      },
    ];
  });
}

/** By what they say of themselves, whichever module shows them; where one of the two was not seen, by what the instance files say. */
function sameToken(left: ResidentToken | undefined, right: ResidentToken | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  if (left.description !== undefined && right.description !== undefined) {
    const [one, other] = [left.description, right.description];
    return one.label === other.label && one.serial === other.serial && one.manufacturer === other.manufacturer;
  }
  return real(left.config.module) === real(right.config.module) && tokenName(left.config.selector) === tokenName(right.config.selector);
}

function tokenFor({ tokens }: Resident, storage?: CertificateStorage): ResidentToken | undefined {
  const on = storage === undefined ? undefined : lyingOn(storage);
  return tokens.find((token) => token.on === on);
}

function whereOf(resident: Resident, storage: CertificateStorage): string {
  switch (storage.kind) {
    case 'token': {
      const token = tokenFor(resident, storage);
      return `on the token${token === undefined ? '' : ` '${labelOf(token)}'`}`;
    }
    case 'internal':
      return `in the NSS database ${resident.instance.nss.database}`;
    case 'file':
      return `in ${storage.certificate}`;
  }
}

function labelOf({ config, description }: ResidentToken): string {
  return description?.label ?? tokenName(config.selector);
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
