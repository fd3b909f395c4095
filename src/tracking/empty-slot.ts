import path from 'node:path';
import type { CountedObject } from '../pkcs11/objects/census.js';
import { slotText } from '../pkcs11/slot-text.js';
import type { TokenDescription } from '../pkcs11/token.js';
import { tokenLabel } from './checks/token-label.js';
import type { Refusal } from './preflight.js';

/** What a first installation finds in its slot. */
export interface Slot {
  /** PKCS#11 module. */
  readonly module: string;
  /** All tokens of the module. */
  readonly tokens: readonly TokenDescription[];
  readonly token:
    | { readonly ok: true; readonly description: TokenDescription; readonly objects: readonly CountedObject[] }
    | { readonly ok: false; readonly problem: string };
}

/**
 * Dogtag's own names for its subsystems' certificates, whatever the instance is called (pki default.cfg: pki_…_nickname; FreeIPA's end in
 * pki-ca and pki-kra).
 */
const defaultNickname =
  /^(?:caSigningCert|ocspSigningCert|auditSigningCert|subsystemCert|Server-Cert|sslserver|transportCert|storageCert)\b.*\bcert-|^(?:ca_signing|ca_ocsp_signing|ca_audit_signing|subsystem|sslserver|kra_storage|kra_transport|kra_audit_signing)$/u;

/**
 * What speaks against a first installation in this slot; nothing where it is as Red Hat Certificate System's rule has it: "The subsystem
 * keys must be installed in an empty HSM slot." Pure: what is in the way is told, with the tool that removes it; nothing is removed.
 */
export function emptySlotRefusals({ module, tokens, token }: Slot): Refusal[] {
  if (!token.ok)
    return [
      {
        check: 'slot-initialised',
        problem: token.problem,
        fix: 'Initialise the token first, and give it a label no other token of the module has.',
      },
    ];
  const {
    description: { label },
    objects,
  } = token;
  return [...twins(label, tokens), ...tokenLabel({ token }), ...collisions(label, objects), ...leftovers(label, objects, module)];
}

function twins(label: string, tokens: readonly TokenDescription[]): Refusal[] {
  const same = tokens.filter((one) => one.initialized && one.label === label);
  if (same.length < 2) return [];
  return [
    {
      check: 'slot-label',
      problem: `${String(same.length)} tokens of the module are called '${label}', in the slots ${same.map(({ slotId }) => slotText(slotId)).join(' and ')}, and an installation takes whichever comes first.`,
      fix: 'Give this one another label, or hide the others in the configuration of the module.',
    },
  ];
}

function collisions(label: string, objects: readonly CountedObject[]): Refusal[] {
  const taken = [...new Set(objects.map((object) => object.label).filter((name) => defaultNickname.test(name)))];
  if (taken.length === 0) return [];
  return [
    {
      check: 'slot-nicknames',
      problem: `The token '${label}' has objects under ${taken.map((name) => `'${name}'`).join(', ')}, the nicknames a Dogtag subsystem gives its own by default: an earlier installation's, with which a new one would collide.`,
      fix: 'Give the new subsystem nicknames of its own (pki_*_nickname), unless those objects may go.',
    },
  ];
}

function leftovers(label: string, objects: readonly CountedObject[], module: string): Refusal[] {
  if (objects.length === 0) return [];
  const kinds = [...new Set(objects.map(({ kind }) => kind))].map((kind) => {
    const count = objects.filter((object) => object.kind === kind).length;
    return `${String(count)} ${kind}${count === 1 ? '' : 's'}`;
  });
  const names = [...new Set(objects.map((object) => object.label).filter((name) => name !== ''))].sort();
  const called =
    names.length === 0
      ? ''
      : ` (${names
          .slice(0, 5)
          .map((name) => `'${name}'`)
          .join(', ')}${names.length > 5 ? `, and ${String(names.length - 5)} more` : ''})`;
  return [
    {
      check: 'slot-empty',
      problem: `The token '${label}' is not empty: it holds ${kinds.join(', ')}${called}.`,
      fix: `Take another slot; or, once nobody needs these any more and a backup proves it, remove them with the HSM's own tool: ${removalOf(module, label)}. hsmonger removes no key.`,
    },
  ];
}

/** By the base name of the module. A partition that is initialised anew loses everything. */
const removals: readonly (readonly [RegExp, (label: string) => string])[] = [
  [/^libsofthsm2/u, (label) => `softhsm2-util --delete-token --token '${label}', then init it again`],
  [/^libcknfast/u, () => 'nfkminfo -k to list, then remove the key files below kmdata/local (nShield)'],
  [/^lib(?:Cryptoki2|CryptokiP11|cklog2)/iu, () => 'lunacm: partition contents, then partition clear (Luna)'],
  [/^libcs_pkcs11|^libcs2_pkcs11/u, (label) => `p11tool2 Label=${label} DeleteObject, or p11tool2 InitToken (Utimaco)`],
  [/^libcloudhsm/u, () => 'cloudhsm-cli: key list, then key delete (AWS CloudHSM)'],
  [/^yubihsm_pkcs11/u, () => 'yubihsm-shell: list objects, then delete (YubiHSM 2)'],
  [/^opensc-pkcs11|^libopensc|^onepin-opensc/u, () => 'sc-hsm-tool --initialize (SmartCard-HSM, Nitrokey), or pkcs11-tool --delete-object'],
  [/^libtpm2_pkcs11/u, () => 'tpm2_ptool objdel, or tpm2_ptool rmtoken'],
  [/^libopencryptoki|^PKCS11_API/u, () => 'pkcsconf -I on the slot (opencryptoki)'],
];

function removalOf(module: string, label: string): string {
  const base = path.basename(module);
  return (
    removals.find(([name]) => name.test(base))?.[1](label) ?? "the one its vendor's documentation names for clearing a slot or partition"
  );
}
