import { identifier } from '../../../config/schema/values.js';
import { HsmongerError } from '../../../errors.js';
import { nssKeyId } from '../../../pkcs11/objects/nss-key-id.js';
import { slotText } from '../../../pkcs11/slot-text.js';
import { objectLabelFault } from '../../../pkcs11/objects/object-label.js';
import type { ListedToken, TokenKey } from '../../../pkcs11/token.js';
import type { TokenContents } from '../../../service/tasks/token/inspect-token.js';
import type { Certificate } from '../../../x509/certificate.js';
import { equalBytes } from '../../../x509/der.js';
import { nameText, sameName } from '../../../x509/names/name.js';
import { sameKey } from '../../../x509/public-key.js';
import { readableObjects } from '../../../x509/readable-certificates.js';
import type { Kipuka, KipukaCa, KipukaPin } from './read.js';
import { hex } from '../../../platform/hex.js';

/** How to keep a PIN where our own processes and certmonger can use it. */
const intoFile = (user: string) =>
  `put the PIN into a file of its own (install -m 0600 -o ${user} /dev/stdin /etc/hsmonger/hsm.pin, then type it and end with Ctrl-D) and name it with --pin-file`;

/** The one PIN file; PIN_SOURCE_INVALID or PIN_UNSAFE where kipuka's PIN is in none. */
export function pinFileOf(pin: KipukaPin, given: string | undefined, file: string, user: string): string {
  if (given !== undefined) return given;
  switch (pin.from) {
    case 'pin_file':
      return pin.path;
    case 'pin_env':
      throw new HsmongerError(
        'PIN_SOURCE_INVALID',
        `${file} takes the PIN from the variable ${pin.variable} (pin_env), and certmonger reads one from a file alone: ${intoFile(user)}.`,
      );
    case 'pin':
      throw new HsmongerError(
        'PIN_UNSAFE',
        `${file} has the PIN in it (pin), where everybody who can read it sees it, so it is not taken from there: ${intoFile(user)}, and change the PIN with 'hsmonger token change-pin'.`,
      );
    case 'nowhere':
      throw new HsmongerError('PIN_SOURCE_INVALID', `${file} says nowhere where the PIN is: ${intoFile(user)}.`);
  }
}

/**
 * The label of the token kipuka means. Its page calls `slot` "numeric slot identifier", which is a CK_SLOT_ID, and shows "Slot 0
 * (0x1d6d28f6)", where 0 is the place in pkcs11-tool's list and the number in brackets the CK_SLOT_ID; so the module is asked, and where
 * the two readings differ nothing is guessed.
 */
export function tokenLabelOf(
  { token, library }: Pick<Kipuka, 'token' | 'library'>,
  tokens: readonly ListedToken[],
  given: string | undefined,
  file: string,
): string {
  const seen = tokens.filter(({ initialized }) => initialized);
  const has = seen.map(({ label, slotId }) => `'${label}' (CK_SLOT_ID ${slotText(slotId)})`).join(', ') || 'no initialised token';
  const label = given ?? (token.by === 'label' ? token.label : undefined);
  if (label !== undefined) {
    if (!seen.some((one) => one.label === label))
      throw new HsmongerError(
        'TOKEN_NOT_FOUND',
        `There is no token '${label}' in ${library}, as ${given === undefined ? `${file} has it (token_label)` : '--token has it'}; it shows ${has}.`,
      );
    return label;
  }
  const { slot } = token as Extract<Kipuka['token'], { by: 'slot' }>;
  const byId = seen.find(({ slotId }) => slotId === slot);
  if (byId !== undefined) return byId.label;
  const byIndex = tokens.find(({ index }) => index === slot);
  if (byIndex?.initialized === true) {
    throw new HsmongerError(
      'TOKEN_NOT_FOUND',
      `${file} says slot = ${String(slot)}, and ${library} has no slot with that CK_SLOT_ID; the token at place ${String(slot)} of its list, which pkcs11-tool prints as "Slot ${String(slot)} (${slotText(byIndex.slotId)})", is '${byIndex.label}'. If that is the one, say --token '${byIndex.label}'.`,
    );
  }
  throw new HsmongerError(
    'TOKEN_NOT_FOUND',
    `${file} says slot = ${String(slot)}, and ${library} has neither such a CK_SLOT_ID nor a token at that place of its list; it shows ${has}.`,
  );
}

/** A [[ca]] with what was found for it. */
export interface Adoption {
  readonly ca: KipukaCa;
  readonly certificate: Certificate;
  readonly nickname: string;
  /** The certificate is on the token already. */
  readonly stored: boolean;
}

/** What is to be done before this CA's key can be tracked, as a sentence. */
export interface Obstacle {
  readonly ca: KipukaCa;
  readonly problem: string;
}

/** Whether the token has the key of this CA's certificate, and as certmonger needs it; KEY_NOT_FOUND or KEY_MISMATCH otherwise. */
export function judgeCa(
  ca: KipukaCa,
  certificate: Certificate,
  contents: TokenContents,
  moveId: (id: string) => string,
): Adoption | Obstacle {
  const { keys, certificates, description } = contents;
  const token = description.label;
  if (!identifier.test(ca.id))
    throw new HsmongerError(
      'CONFIG_INVALID',
      `[[ca]] '${ca.id}' cannot give an instance its name: certmonger's command lines carry it, so use letters, digits, '.', '_' and '-'.`,
    );
  const named = keys.find((key) => isId(key.id, ca.hsmSlot));
  const key = keys.find(({ spki }) => spki !== undefined && sameKey(spki, certificate.spki));
  if (key === undefined) {
    if (named?.spki !== undefined)
      throw new HsmongerError(
        'KEY_MISMATCH',
        `The key with CKA_ID ${hex(named.id)} ('${named.label}') on token '${token}', which hsm_slot = ${String(ca.hsmSlot)} of [[ca]] '${ca.id}' names, is not the key of the certificate in ${ca.cert}: correct hsm_slot or cert.`,
      );
    throw new HsmongerError(
      'KEY_NOT_FOUND',
      `The key of [[ca]] '${ca.id}' (hsm_slot = ${String(ca.hsmSlot)}, certificate ${ca.cert}) is not on token '${token}', which has ${keys.map((one) => `${hex(one.id)} '${one.label}'`).join(', ') || 'no private key this PIN shows'}: check that it is the right token, and that hsm_slot is the ID 'pkcs11-tool --list-objects' shows.`,
    );
  }
  const wanted = nssKeyId(certificate.spki);
  if (wanted !== undefined && !equalBytes(key.id, wanted))
    return {
      ca,
      problem: `The key of [[ca]] '${ca.id}' has CKA_ID ${hex(key.id)}${misnamed(key, ca)}, and certmonger finds a key by the CKA_ID NSS computes, ${hex(wanted)}. Move it with: ${moveId(hex(key.id))} — kipuka then no longer finds it by hsm_slot = ${String(ca.hsmSlot)}, so stop kipuka first; then run this again.`,
    };
  const there = certificates.find(({ der, label }) => label !== '' && equalBytes(der, certificate.der));
  const clash = clashOnToken(ca, there?.label ?? ca.name, certificate, contents);
  if (clash !== undefined) return { ca, problem: clash };
  if (there !== undefined) return { ca, certificate, nickname: there.label, stored: true };
  const fault = objectLabelFault(ca.name);
  if (fault !== undefined)
    return {
      ca,
      problem: `The certificate of [[ca]] '${ca.id}' would be stored under its name, '${ca.name}', which ${fault}; NSS and certmonger would not find it by that. Change 'name', or store the certificate under another with 'hsmonger token import-cert --label'.`,
    };
  return { ca, certificate, nickname: ca.name, stored: false };
}

/** What two [[ca]] would share: an instance, a CA, or what certmonger and NSS tell certificates of one token apart by. Each told once. */
export function sharedBetween(adoptions: readonly Adoption[]): Obstacle[] {
  return adoptions.flatMap((one, index) => {
    const problems = adoptions.slice(0, index).flatMap((other) => sharedByTwo(one, other) ?? []);
    return problems.slice(0, 1).map((problem) => ({ ca: one.ca, problem }));
  });
}

function sharedByTwo(one: Adoption, other: Adoption): string | undefined {
  const both = `[[ca]] '${one.ca.id}' and '${other.ca.id}'`;
  if (one.ca.id === other.ca.id)
    return `Two [[ca]] have the id '${one.ca.id}', which would name one instance for both; give one of them another 'id'.`;
  if (sameKey(one.certificate.spki, other.certificate.spki))
    return `${both} are one CA: their certificates have one key, and two ledgers would give out its serial numbers; leave one of them out.`;
  if (one.nickname === other.nickname)
    return `${both} have one name, '${one.nickname}', under which both their certificates would be on the token; give one of them another 'name'.`;
  return sameName(one.certificate.subject, other.certificate.subject)
    ? `${both} have one subject, ${nameText(one.certificate.subject)}, and certmonger deletes one of two certificates of a token with one subject, its key with it; leave one of them to another token.`
    : undefined;
}

/** What certmonger would delete, with its key, when it saves the CA's certificate or the other (certsave-n.c; design rule 2). */
function clashOnToken(
  ca: KipukaCa,
  nickname: string,
  certificate: Certificate,
  { certificates, description: { label: token } }: TokenContents,
): string | undefined {
  const others = readableObjects(certificates).filter((one) => !equalBytes(one.der, certificate.der));
  const stranger = others.find(({ label, certificate: { subject } }) => label === nickname && !sameName(subject, certificate.subject));
  if (stranger !== undefined)
    return `The certificate of [[ca]] '${ca.id}' would be '${nickname}' on token '${token}', where another certificate has that nickname, that of ${nameText(stranger.certificate.subject)}, and certmonger would delete it: change 'name', or store the certificate under another with 'hsmonger token import-cert --label'.`;
  const double = others.find(({ label, certificate: { subject } }) => label !== nickname && sameName(subject, certificate.subject));
  if (double === undefined) return undefined;
  return `The certificate of [[ca]] '${ca.id}' has the subject ${nameText(certificate.subject)}, and so has '${double.label}' on token '${token}', which certmonger would delete, its key with it: if that is the same CA's, let 'name' be '${double.label}'; otherwise the two cannot be on one token.`;
}

function misnamed(key: TokenKey, { hsmSlot }: KipukaCa): string {
  return isId(key.id, hsmSlot) ? '' : ` (not the one hsm_slot = ${String(hsmSlot)} names)`;
}

/**
 * "--id 01" goes with hsm_slot = 1; whether "--id 10" goes with 10 or 16 kipuka's page does not say, so either does: the certificate's own
 * key decides.
 */
function isId(id: Uint8Array, hsmSlot: number): boolean {
  const text = hex(id).replace(/^0+(?=.)/u, '');
  return text === hsmSlot.toString(16) || text === String(hsmSlot);
}
