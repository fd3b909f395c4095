import type { RevocationReason } from '../config/revocation-reason.js';
import { statement, type Database } from './database.js';

/** Names a certificate: who signed it (SHA-256 of the SubjectPublicKeyInfo) and its serial number (content octets), both lower-case hex. */
export interface CertificateId {
  readonly issuerKey: string;
  readonly serial: string;
}

export interface Revocation {
  readonly at: Date;
  readonly reason: RevocationReason;
  /** Since when the key is to be distrusted (RFC 5280 §5.3.2). */
  readonly invalidity?: Date;
}

/** A certificate that is revoked now. */
export interface RevokedRow extends CertificateId, Revocation {
  readonly notAfter: Date;
  /** DER. */
  readonly certificate: Uint8Array;
}

interface Stored {
  readonly issuer_key: string;
  readonly serial: string;
  readonly revoked_at: string;
  readonly revocation_reason: string | null;
  readonly invalidity: string | null;
  readonly not_after: string;
  readonly certificate: Uint8Array;
}

/** The invalidity date is the latest revocation's: one that ended a hold has none. */
const select = `
  SELECT issuer_key, serial, revoked_at, revocation_reason, not_after, certificate,
    (SELECT invalidity FROM revocations WHERE revocations.issuer_key = issued.issuer_key AND revocations.serial = issued.serial ORDER BY id DESC LIMIT 1) AS invalidity
  FROM issued`;

/** Every certificate that is revoked or held now, in the order of issue. */
export function listRevoked(database: Database): RevokedRow[] {
  return database.prepare<[], Stored>(`${select} WHERE revoked_at IS NOT NULL ORDER BY id`).all().map(rowOf);
}

/** How a certificate stands: undefined while it is not revoked. */
export function findRevocation(database: Database, { issuerKey, serial }: CertificateId): RevokedRow | undefined {
  const stored = database
    .prepare<[string, string], Stored>(`${select} WHERE issuer_key = ? AND serial = ? AND revoked_at IS NOT NULL`)
    .get(issuerKey, serial);
  return stored === undefined ? undefined : rowOf(stored);
}

/** Whether this ledger was ever told anything of a certificate's revocation. */
export function hasHistory(database: Database, { issuerKey, serial }: CertificateId): boolean {
  return (
    database.prepare<[string, string]>('SELECT 1 FROM revocations WHERE issuer_key = ? AND serial = ? LIMIT 1').get(issuerKey, serial) !==
      undefined || findRevocation(database, { issuerKey, serial }) !== undefined
  );
}

/** Grows with every change of how any certificate stands: as long as it is the same, all of them stand as before. */
export function latestChange(database: Database): number {
  const row = statement(database, 'SELECT max(id) AS latest FROM revocations').get() as { readonly latest: number | null };
  return row.latest ?? 0;
}

interface Told {
  readonly serial: string;
  readonly at: string;
  readonly reason: string;
  readonly invalidity: string | null;
}

/** What is revoked now of certificates this ledger does not have: a published CRL told of them. */
const told = `
  SELECT serial, at, reason, invalidity FROM revocations AS latest
  WHERE issuer_key = ? AND reason <> 'removeFromCRL'
    AND id = (SELECT max(id) FROM revocations WHERE issuer_key = latest.issuer_key AND serial = latest.serial)
    AND NOT EXISTS (SELECT 1 FROM issued WHERE issued.issuer_key = latest.issuer_key AND issued.serial = latest.serial)`;

/** Those of one issuer's key, in the order they were told of. */
export function listTold(database: Database, issuerKey: string): (Revocation & CertificateId)[] {
  return database
    .prepare<[string], Told>(`${told} ORDER BY id`)
    .all(issuerKey)
    .map((row) => ({ issuerKey, serial: row.serial, ...revocationOf(row) }));
}

/** One of them. */
export function findTold(database: Database, { issuerKey, serial }: CertificateId): Revocation | undefined {
  const row = database.prepare<[string, string], Told>(`${told} AND serial = ?`).get(issuerKey, serial);
  return row === undefined ? undefined : revocationOf(row);
}

function revocationOf({ at, reason, invalidity }: Told): Revocation {
  return { at: new Date(at), reason: reason as RevocationReason, ...(invalidity === null ? {} : { invalidity: new Date(invalidity) }) };
}

/** Writes a revocation down, or a hold; over a hold too. Inside the caller's transaction, or one of its own. */
export function revoke(database: Database, id: CertificateId, { at, reason, invalidity }: Revocation, uid: number): void {
  database.transaction(() => {
    note(database, id, { at, reason, invalidity, uid });
    database
      .prepare('UPDATE issued SET revoked_at = ?, revocation_reason = ? WHERE issuer_key = ? AND serial = ?')
      .run(at.toISOString(), reason, id.issuerKey, id.serial);
  })();
}

/** Ends a hold: the certificate is as good as before it. */
export function endHold(database: Database, id: CertificateId, at: Date, uid: number): void {
  database.transaction(() => {
    note(database, id, { at, reason: 'removeFromCRL', uid });
    database
      .prepare('UPDATE issued SET revoked_at = NULL, revocation_reason = NULL WHERE issuer_key = ? AND serial = ?')
      .run(id.issuerKey, id.serial);
  })();
}

function note(
  database: Database,
  { issuerKey, serial }: CertificateId,
  event: { readonly at: Date; readonly reason: string; readonly invalidity?: Date | undefined; readonly uid: number },
): void {
  database
    .prepare('INSERT INTO revocations (issuer_key, serial, at, reason, invalidity, uid) VALUES (?, ?, ?, ?, ?, ?)')
    .run(issuerKey, serial, event.at.toISOString(), event.reason, event.invalidity?.toISOString() ?? null, event.uid);
}

function rowOf(stored: Stored): RevokedRow {
  return {
    issuerKey: stored.issuer_key,
    serial: stored.serial,
    at: new Date(stored.revoked_at),
    // Our own writing; nothing else writes there.
    reason: (stored.revocation_reason ?? 'unspecified') as RevocationReason,
    ...(stored.invalidity === null ? {} : { invalidity: new Date(stored.invalidity) }),
    notAfter: new Date(stored.not_after),
    certificate: Uint8Array.from(stored.certificate),
  };
}
