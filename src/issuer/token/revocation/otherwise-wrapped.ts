import type { Database } from '../../../ledger/database.js';
import { revokedWith, type IssuedRow } from '../../../ledger/issued.js';
import { latestChange } from '../../../ledger/revocation.js';
import { objectIdentifier } from '../../../x509/der.js';
import { oids } from '../../../x509/oids.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { bareFingerprint } from '../../../x509/wrappings.js';

/** By the fingerprint of the bare key, as of one change of the ledger. */
interface Known {
  readonly latest: number;
  readonly rows: ReadonlyMap<string, readonly IssuedRow[]>;
}

const known = new WeakMap<Database, Known>();

/**
 * The revoked or held certificates of an RSA key that stands in them with parameters of RSASSA-PSS, under which nobody can look for it. The
 * ledger knows a key by the octets of its SubjectPublicKeyInfo only, so those few certificates are read: once, and again when a revocation
 * is new, as this is asked for each of thousands of requests.
 */
export function revokedOtherwiseWrapped(ledger: Database, fingerprints: readonly string[]): readonly IssuedRow[] {
  const latest = latestChange(ledger);
  let found = known.get(ledger);
  if (found?.latest !== latest) {
    found = { latest, rows: byBareKey(revokedWith(ledger, objectIdentifier(oids.rsassaPss))) };
    known.set(ledger, found);
  }
  const { rows } = found;
  return fingerprints.flatMap((fingerprint) => rows.get(fingerprint) ?? []);
}

function byBareKey(rows: readonly IssuedRow[]): Map<string, IssuedRow[]> {
  const found = new Map<string, IssuedRow[]>();
  for (const row of rows) {
    const bare = bareFingerprint(parseCertificate(row.certificate).spki);
    if (bare !== undefined) found.set(bare, [...(found.get(bare) ?? []), row]);
  }
  return found;
}
