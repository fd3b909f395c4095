import { equalBytes } from '../../x509/der.js';
import type { Evidence, Refusal } from '../preflight.js';
import type { Sighting } from '../sightings.js';
import { hex } from '../../platform/hex.js';

const check = 'key-proven';

type KeyEvidence = Pick<Evidence, 'seen' | 'stores' | 'instance' | 'files'> & { readonly nss: Pick<Evidence['nss'], 'internal'> };

/** certmonger generates a key where it finds none (iterate.c:2160): certificate and key are proven first (design rule 1). */
export function keyProven(evidence: KeyEvidence): Refusal[] {
  return evidence.seen.flatMap((sighting): Refusal[] =>
    sighting.storage.kind === 'file' ? inFiles(evidence, sighting, sighting.storage) : inStore(evidence, sighting),
  );
}

function inStore({ stores, nss, instance }: KeyEvidence, { nickname, storage, certificate, key, id }: Sighting): Refusal[] {
  const store = stores.find(({ kind }) => kind === storage.kind);
  // nss-database and pin-source say why it was not looked into.
  if (store === undefined) return [];
  if (certificate === undefined) {
    const labels = [...new Set(store.certificates.map(({ label }) => label).filter((label) => label !== ''))];
    const other = storage.kind === 'internal' ? ' or take token = "internal" away there' : '';
    return [
      {
        check,
        nickname,
        problem: `There is no certificate '${nickname}' ${place(store)}, so certmonger would generate a new key.`,
        fix:
          labels.length === 0
            ? 'Import it together with its key.'
            : `Correct the nickname in the instance file${other}; ${store.name} has ${labels.map((label) => `'${label}'`).join(', ')}.`,
      },
    ];
  }
  if (storage.kind === 'internal' && nss.internal?.locked !== undefined) {
    return [
      {
        check,
        nickname,
        problem: `Whether the NSS database ${instance.nss.database} holds the key of '${nickname}' cannot be seen: ${nss.internal.locked.replace(/\.$/u, '')}.`,
        fix: `Name the file with the database's own password as 'nss.password-file' in ${instance.file}.`,
      },
    ];
  }
  if (key === undefined) {
    return [
      {
        check,
        nickname,
        problem: `The private key of the certificate '${nickname}' is not ${place(store)}, so certmonger would generate a new one.`,
        fix:
          storage.kind === 'token'
            ? 'Track only certificates whose key is on this token; check with: hsmonger token keys.'
            : `Track it where its key is; check with: certutil -K -d sql:${instance.nss.database}.`,
      },
    ];
  }
  if (id !== undefined && key.id !== undefined && !equalBytes(id, key.id)) {
    return [
      {
        check,
        nickname,
        problem: `The certificate '${nickname}' and its private key have different CKA_IDs (${hex(id)} and ${hex(key.id)}), so certmonger would not find the key and generate a new one.`,
        fix: `Give the certificate the key's CKA_ID: pkcs11-tool --login --type cert --id ${hex(id)} --set-id ${hex(key.id)}.`,
      },
    ];
  }
  return [];
}

function inFiles(
  { files }: KeyEvidence,
  { nickname, key }: Sighting,
  storage: { readonly certificate: string; readonly key: string },
): Refusal[] {
  const facts = files.find((file) => file.nickname === nickname);
  if (facts === undefined || key !== undefined) return [];
  if ('failure' in facts.certificate)
    return [
      {
        check,
        nickname,
        problem: `The certificate of '${nickname}' is not proven: ${facts.certificate.failure}.`,
        fix: 'Correct certificate-file in the instance file; certmonger would enrol for what it does not find.',
      },
    ];
  if ('failure' in facts.key)
    return [
      {
        check,
        nickname,
        problem: `The key of '${nickname}' is not proven: ${facts.key.failure}.`,
        fix: 'Correct key-file in the instance file, or run as root; certmonger would generate a key where it finds none.',
      },
    ];
  return [
    {
      check,
      nickname,
      problem: `The key in ${storage.key} is not the key of the certificate in ${storage.certificate}, so '${nickname}' would be renewed for another key.`,
      fix: 'Correct certificate-file and key-file in the instance file so that they belong together.',
    },
  ];
}

function place({ kind, name }: { readonly kind: 'token' | 'internal'; readonly name: string }): string {
  return `${kind === 'token' ? 'on' : 'in'} ${name}`;
}
