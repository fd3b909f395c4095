import { statement, type Database } from './database.js';

/** A certificate we issued. Byte strings that are looked for are lower-case hexadecimal. */
export interface IssuedRow {
  /** Grows with time. */
  readonly id: number;
  /** SHA-256 of the issuer's SubjectPublicKeyInfo. */
  readonly issuerKey: string;
  /** Content octets. */
  readonly serial: string;
  /** What makes two SUBMITs the same: issuer/request-key.ts. */
  readonly request: string;
  readonly profile: string;
  /** RFC 4514, for people. */
  readonly subject: string;
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly subjectKey: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly issuedAt: Date;
  /** Of the process that issued it. */
  readonly uid: number;
  readonly revokedAt?: Date;
  readonly revocationReason?: string;
}

interface Stored {
  readonly id: number;
  readonly issuer_key: string;
  readonly serial: string;
  readonly request: string;
  readonly profile: string;
  readonly subject: string;
  readonly subject_key: string;
  readonly not_before: string;
  readonly not_after: string;
  readonly certificate: Uint8Array;
  readonly issued_at: string;
  readonly uid: number;
  readonly revoked_at: string | null;
  readonly revocation_reason: string | null;
}

/** The latest certificate issued for a request. */
export function findIssued(database: Database, request: string): IssuedRow | undefined {
  const stored = statement(database, 'SELECT * FROM issued WHERE request = ? ORDER BY id DESC LIMIT 1').get(request) as Stored | undefined;
  return stored === undefined ? undefined : rowOf(stored);
}

/** Every certificate, oldest first. */
export function listIssued(database: Database): IssuedRow[] {
  return database.prepare<[], Stored>('SELECT * FROM issued ORDER BY id').all().map(rowOf);
}

/** The certificates of one key, oldest first. */
export function issuedForKey(database: Database, subjectKey: string): IssuedRow[] {
  return database.prepare<[string], Stored>('SELECT * FROM issued WHERE subject_key = ? ORDER BY id').all(subjectKey).map(rowOf);
}

/** Those of any of these keys that are revoked or held, oldest first. */
export function revokedForKeys(database: Database, subjectKeys: readonly string[]): IssuedRow[] {
  return (
    statement(
      database,
      'SELECT * FROM issued WHERE subject_key IN (SELECT value FROM json_each(?)) AND revoked_at IS NOT NULL ORDER BY id',
    ).all(JSON.stringify(subjectKeys)) as Stored[]
  ).map(rowOf);
}

/** Those that are revoked or held and have these octets in them, oldest first. */
export function revokedWith(database: Database, octets: Uint8Array): IssuedRow[] {
  return database
    .prepare<[Uint8Array], Stored>('SELECT * FROM issued WHERE revoked_at IS NOT NULL AND instr(certificate, ?) > 0 ORDER BY id')
    .all(octets)
    .map(rowOf);
}

/** The certificates with a serial number (content octets, hex), of whichever issuer. */
export function issuedBySerial(database: Database, serial: string): IssuedRow[] {
  return (statement(database, 'SELECT * FROM issued WHERE serial = ? ORDER BY id').all(serial) as Stored[]).map(rowOf);
}

/** Whether an issuer's key (SHA-256 of its SubjectPublicKeyInfo, hex) signed a certificate with this serial number. */
export function isIssued(database: Database, issuerKey: string, serial: string): boolean {
  return (
    database.prepare<[string, string]>('SELECT 1 FROM issued WHERE issuer_key = ? AND serial = ?').get(issuerKey, serial) !== undefined
  );
}

/** The certificates whose key signed itself, oldest first. */
export function selfIssued(database: Database): IssuedRow[] {
  return database.prepare<[], Stored>('SELECT * FROM issued WHERE issuer_key = subject_key ORDER BY id').all().map(rowOf);
}

/** The first certificate of each key that signed any. */
export function firstOfEachIssuer(database: Database): IssuedRow[] {
  return database
    .prepare<[], Stored>('SELECT * FROM issued WHERE id IN (SELECT MIN(id) FROM issued GROUP BY issuer_key) ORDER BY id')
    .all()
    .map(rowOf);
}

/** Writes a certificate down; SQLite refuses a serial number its issuer has used. */
export function insertIssued(database: Database, row: Omit<IssuedRow, 'id' | 'revokedAt' | 'revocationReason'>): void {
  statement(
    database,
    `INSERT INTO issued (issuer_key, serial, request, profile, subject, subject_key, not_before, not_after, certificate, issued_at, uid)
       VALUES (@issuerKey, @serial, @request, @profile, @subject, @subjectKey, @notBefore, @notAfter, @certificate, @issuedAt, @uid)`,
  ).run({ ...row, notBefore: row.notBefore.toISOString(), notAfter: row.notAfter.toISOString(), issuedAt: row.issuedAt.toISOString() });
}

function rowOf(stored: Stored): IssuedRow {
  return {
    id: stored.id,
    issuerKey: stored.issuer_key,
    serial: stored.serial,
    request: stored.request,
    profile: stored.profile,
    subject: stored.subject,
    subjectKey: stored.subject_key,
    notBefore: new Date(stored.not_before),
    notAfter: new Date(stored.not_after),
    certificate: Uint8Array.from(stored.certificate),
    issuedAt: new Date(stored.issued_at),
    uid: stored.uid,
    ...(stored.revoked_at === null ? {} : { revokedAt: new Date(stored.revoked_at) }),
    ...(stored.revocation_reason === null ? {} : { revocationReason: stored.revocation_reason }),
  };
}
