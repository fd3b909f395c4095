import { HsmongerError } from '../errors.js';
import type { Database } from './database.js';

/** A CRL that was signed. */
export interface CrlRow {
  readonly number: bigint;
  /** SHA-256 of the issuer's SubjectPublicKeyInfo, lower-case hex. */
  readonly issuerKey: string;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** DER. */
  readonly crl: Uint8Array;
  readonly signedAt: Date;
  /** Of the process that signed it. */
  readonly uid: number;
}

/** cRLNumber has at most 20 octets (RFC 5280 §5.2.3); as the first bit is the sign's, this is the last. */
const highest = 2n ** 159n - 1n;
const digits = 40;

/** What may be said to be published, or counted up to: 2^64 numbers are left for CRLs to come. */
export const highestToldCrlNumber = highest - 2n ** 64n;

/**
 * The number a CRL is to have: above every one that is known, wherever it was seen (the ledger, what is published, a backup), for a number
 * that was once used never comes back (RFC 5280 §5.2.3). 1 where none is known. CRL_NUMBER when the 20 octets are used up.
 */
export function nextCrlNumber(...known: readonly (bigint | undefined)[]): bigint {
  const next = known.reduce<bigint>((most, number) => (number !== undefined && number > most ? number : most), 0n) + 1n;
  if (next > highest)
    throw new HsmongerError(
      'CRL_NUMBER',
      'No CRL can have a number above the highest one that is known: it fills the 20 octets there are (RFC 5280 §5.2.3); see whether the published CRL is really of this CA.',
    );
  return next;
}

/** The highest number this ledger knows, of any issuer: an instance counts for all its keys together. */
export function highestCrlNumber(database: Database): bigint | undefined {
  const row = database.prepare<[], { readonly number: string | null }>('SELECT max(number) AS number FROM crls').get();
  return row?.number === null || row?.number === undefined ? undefined : BigInt(`0x${row.number}`);
}

/** The latest CRL of an issuer. */
export function latestCrl(database: Database, issuerKey: string): CrlRow | undefined {
  const stored = database
    .prepare<
      [string],
      {
        readonly number: string;
        readonly this_update: string;
        readonly next_update: string;
        readonly crl: Uint8Array;
        readonly signed_at: string;
        readonly uid: number;
      }
    >(
      'SELECT number, this_update, next_update, crl, signed_at, uid FROM crls WHERE issuer_key = ? AND crl IS NOT NULL ORDER BY number DESC LIMIT 1',
    )
    .get(issuerKey);
  if (stored === undefined) return undefined;
  return {
    number: BigInt(`0x${stored.number}`),
    issuerKey,
    thisUpdate: new Date(stored.this_update),
    nextUpdate: new Date(stored.next_update),
    crl: Uint8Array.from(stored.crl),
    signedAt: new Date(stored.signed_at),
    uid: stored.uid,
  };
}

/**
 * Writes a CRL down; SQLite refuses a number that is there. Of the earlier ones only what they were numbered stays: hourly CRLs would fill
 * a disk.
 */
export function insertCrl(database: Database, { number, issuerKey, thisUpdate, nextUpdate, crl, signedAt, uid }: CrlRow): void {
  database.transaction(() => {
    database.prepare('UPDATE crls SET crl = NULL WHERE issuer_key = ?').run(issuerKey);
    database
      .prepare('INSERT INTO crls (number, issuer_key, this_update, next_update, crl, signed_at, uid) VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(
        number.toString(16).padStart(digits, '0'),
        issuerKey,
        thisUpdate.toISOString(),
        nextUpdate.toISOString(),
        Buffer.from(crl),
        signedAt.toISOString(),
        uid,
      );
  })();
}
