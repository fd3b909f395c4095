import { openDatabase, type Database } from './database.js';

const schema = `
  CREATE TABLE IF NOT EXISTS issued (
    id INTEGER PRIMARY KEY,
    issuer_key TEXT NOT NULL,      -- SHA-256 of the issuer's SubjectPublicKeyInfo, hex
    serial TEXT NOT NULL,          -- content octets, hex
    request TEXT NOT NULL,         -- what makes two SUBMITs the same: see issuer/request-key
    profile TEXT NOT NULL,
    subject TEXT NOT NULL,         -- RFC 4514, for people
    subject_key TEXT NOT NULL,     -- SHA-256 of the SubjectPublicKeyInfo, hex
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    certificate BLOB NOT NULL,
    issued_at TEXT NOT NULL,
    uid INTEGER NOT NULL,          -- of the process that issued it
    revoked_at TEXT,
    revocation_reason TEXT,
    UNIQUE (issuer_key, serial)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS issued_request ON issued (request, id);
  CREATE INDEX IF NOT EXISTS issued_subject_key ON issued (subject_key, id);
  CREATE TABLE IF NOT EXISTS revocations (
    id INTEGER PRIMARY KEY,        -- every change of a certificate's state; issued.revoked_at and revocation_reason are what holds now
    issuer_key TEXT NOT NULL,
    serial TEXT NOT NULL,
    at TEXT NOT NULL,
    reason TEXT NOT NULL,          -- RFC 5280 5.3.1, by name; removeFromCRL ends a hold
    invalidity TEXT,               -- since when the key is to be distrusted, where that is known
    uid INTEGER NOT NULL           -- of the process that wrote it
  ) STRICT;
  CREATE INDEX IF NOT EXISTS revocations_serial ON revocations (issuer_key, serial, id);
  CREATE INDEX IF NOT EXISTS issued_serial ON issued (serial);
  CREATE INDEX IF NOT EXISTS issued_revoked ON issued (revoked_at) WHERE revoked_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS crls (
    number TEXT PRIMARY KEY,       -- cRLNumber: 20 octets, hex, so that the order as text is the order as numbers
    issuer_key TEXT NOT NULL,
    this_update TEXT NOT NULL,
    next_update TEXT NOT NULL,
    crl BLOB,                      -- DER, of the latest of an issuer
    signed_at TEXT NOT NULL,
    uid INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS crls_issuer ON crls (issuer_key, number);
  CREATE TABLE IF NOT EXISTS outcomes (
    subject_key TEXT NOT NULL,
    profile TEXT NOT NULL,
    at TEXT NOT NULL,
    code TEXT NOT NULL,            -- an error code, or ISSUED
    message TEXT NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (subject_key, profile)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS journal (
    nickname TEXT PRIMARY KEY,     -- one saving at a time for each certificate
    step TEXT NOT NULL,            -- the last step that was finished
    certificate TEXT,              -- SHA-256 of the new certificate, hex, once known
    detail TEXT NOT NULL,          -- JSON
    started_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS master_sightings (
    host TEXT PRIMARY KEY,         -- in lower case
    since TEXT NOT NULL,           -- first looked for
    seen TEXT,                     -- last sign of it; NULL while there was none
    published TEXT NOT NULL        -- fingerprint of the shared certificates at the last look
  ) STRICT;
  CREATE TABLE IF NOT EXISTS asked (
    request TEXT PRIMARY KEY,      -- what makes two SUBMITs the same: see issuer/request-key
    begun_at TEXT NOT NULL,        -- before the CA was asked
    request_id TEXT,               -- the CA's; absent while its answer was never seen
    certificate BLOB               -- the CA's answer, once it was handed out
  ) STRICT;
  CREATE TABLE IF NOT EXISTS interfaces (
    url TEXT PRIMARY KEY,          -- a CA server
    interface TEXT NOT NULL        -- how it wants to be asked: see issuer/dogtag/negotiate
  ) STRICT;
`;

/**
 * Opens an instance's ledger: issued certificates, revocations, CRLs, what another CA was asked, last outcomes, the journal of saving, when
 * the renewal master was last seen. Only a process that has dropped to the service user calls this (design rule 6). Times are ISO 8601 UTC.
 */
export function openLedger(file: string, options: { readonly readonly?: boolean } = {}): Database {
  return openDatabase(file, { schema, version: 3, ...options });
}
