import * as v from 'valibot';
import { decode } from '../../service/wire.js';

/** The best certificate the directory has for one key of a nickname: what the helper would hand out. */
export interface PublishedCertificate {
  readonly nickname: string;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly key: string;
  /** SHA-256 of the certificate, hex. */
  readonly certificate: string;
  readonly notAfter: Date;
  /** This server never saved it, whatever certmonger holds (renewal/missed.ts). */
  readonly missed: boolean;
}

/** One look at the directory, and at what is unfinished here. */
export interface DirectoryReport {
  readonly kind: 'report';
  /** What it was made for. */
  readonly why: 'start' | 'push' | 'poll';
  /** This server renews for the others: it takes nothing from them. */
  readonly renewalMaster: boolean;
  readonly published: readonly PublishedCertificate[];
  /** Savings that were begun and have not moved for a while. */
  readonly unfinished: number;
  /** See directory/master-alarm.ts. */
  readonly alarm?: string;
}

/** Something to tell once, after which the watcher goes on; or, as 'end', why it does not. */
export interface WatcherNotice {
  readonly kind: 'note' | 'end';
  readonly code: string;
  readonly message: string;
}

/** What the watcher, which reads the directory without privileges, tells the daemon, which does not. One line each. */
export type WatcherLine = DirectoryReport | WatcherNotice;

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u));
const lineSchema = v.variant('kind', [
  v.object({
    kind: v.literal('report'),
    why: v.picklist(['start', 'push', 'poll']),
    renewalMaster: v.boolean(),
    published: v.array(v.object({ nickname: v.string(), key: digest, certificate: digest, notAfter: v.date(), missed: v.boolean() })),
    unfinished: v.number(),
    alarm: v.exactOptional(v.string()),
  }),
  v.object({ kind: v.picklist(['note', 'end']), code: v.string(), message: v.string() }),
]);

/** Throws on anything else. */
export function parseWatcherLine(text: string): WatcherLine {
  const line = v.parse(lineSchema, decode(text));
  if (line.kind === 'note' || line.kind === 'end') return { kind: line.kind, code: line.code, message: line.message };
  return line;
}
