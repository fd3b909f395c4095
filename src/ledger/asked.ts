import { explaining, type Database } from './database.js';

/** What a CA behind the network was asked. */
export interface AskedRow {
  /** Written before the request left. */
  readonly begunAt: Date;
  /** The CA's number of the request; absent when its answer never reached us. */
  readonly requestId?: string;
  /** DER of what it issued, as handed out. */
  readonly certificate?: Uint8Array;
}

interface Stored {
  readonly begun_at: string;
  readonly request_id: string | null;
  readonly certificate: Uint8Array | null;
}

/** `request` is what makes two SUBMITs the same: issuer/request-key.ts. */
export function findAsked(database: Database, request: string): AskedRow | undefined {
  return explaining(database.name, () => {
    const stored = database.prepare<[string], Stored>('SELECT begun_at, request_id, certificate FROM asked WHERE request = ?').get(request);
    if (stored === undefined) return undefined;
    return {
      begunAt: new Date(stored.begun_at),
      ...(stored.request_id === null ? {} : { requestId: stored.request_id }),
      ...(stored.certificate === null ? {} : { certificate: Uint8Array.from(stored.certificate) }),
    };
  });
}

/** On the disk before the request leaves: a process that is killed in between is seen by the next one. */
export function beginAsking(database: Database, request: string, at: Date): void {
  write(
    database,
    'INSERT INTO asked VALUES (?, ?, NULL, NULL) ON CONFLICT DO UPDATE SET begun_at = excluded.begun_at, request_id = NULL, certificate = NULL',
    request,
    at.toISOString(),
  );
}

export function rememberRequestId(database: Database, request: string, requestId: string, at: Date): void {
  write(
    database,
    'INSERT INTO asked VALUES (?, ?, ?, NULL) ON CONFLICT DO UPDATE SET request_id = excluded.request_id, certificate = NULL',
    request,
    at.toISOString(),
    requestId,
  );
}

export function rememberCertificate(database: Database, request: string, certificate: Uint8Array, at: Date): void {
  write(
    database,
    'INSERT INTO asked VALUES (?, ?, NULL, ?) ON CONFLICT DO UPDATE SET certificate = excluded.certificate',
    request,
    at.toISOString(),
    Buffer.from(certificate),
  );
}

export function forgetAsked(database: Database, request: string): void {
  write(database, 'DELETE FROM asked WHERE request = ?', request);
}

/** How a server wants to be asked, as rememberInterface() wrote it. */
export function findInterface(database: Database, url: string): string | undefined {
  return explaining(
    database.name,
    () => database.prepare<[string], { readonly interface: string }>('SELECT interface FROM interfaces WHERE url = ?').get(url)?.interface,
  );
}

export function rememberInterface(database: Database, url: string, name: string): void {
  write(database, 'INSERT INTO interfaces VALUES (?, ?) ON CONFLICT DO UPDATE SET interface = excluded.interface', url, name);
}

export function forgetInterface(database: Database, url: string): void {
  write(database, 'DELETE FROM interfaces WHERE url = ?', url);
}

function write(database: Database, sql: string, ...values: (string | Buffer)[]): void {
  explaining(database.name, () => database.prepare(sql).run(...values));
}
