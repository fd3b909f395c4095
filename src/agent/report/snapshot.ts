import type { Storage } from '../../../dbus/tracking-request.js';
import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import type { CalendarEntry, Renewal } from '../../renewal/calendar/calendar.js';
import type { AgentEvent } from './events.js';

/**
 * Everything the agent shows, at one moment: what bus, metrics, page and `hsmonger agent status` are made of. JSON by service/wire.ts.
 * Never holds a PIN.
 */
export interface AgentSnapshot {
  readonly at: Date;
  readonly version: string;
  readonly startedAt: Date;
  readonly certmonger: {
    readonly running: boolean;
    readonly trouble?: string;
    /** Whether systemd starts it at boot; absent where nobody said. */
    readonly enabled?: boolean;
  };
  readonly instances: readonly InstanceSnapshot[];
  /** All of certmonger's requests, ours or not: what certmonger-exporter tells. */
  readonly requests: readonly RequestSnapshot[];
  readonly counters: Counters;
  /** Newest last. */
  readonly events: readonly AgentEvent[];
}

export interface RequestSnapshot {
  /** The request's id. */
  readonly nickname: string;
  readonly ca?: string;
  readonly status: string;
  readonly stuck: boolean;
  readonly caError?: string;
  readonly storage: Pick<Storage, 'type' | 'file' | 'database' | 'nickname' | 'token'>;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly lastChecked?: Date;
  readonly keyGenerated?: Date;
  readonly keyIssuedCount?: number;
}

export interface InstanceSnapshot {
  readonly name: string;
  readonly token?: TokenSnapshot;
  /** Where certificates lie on further tokens. */
  readonly otherTokens?: readonly TokenSnapshot[];
  /** Of the instance as a whole. */
  readonly diagnoses: readonly Diagnosis[];
  /** The last comparison of certmonger's requests with the instance file. */
  readonly reconciled?: { readonly at: Date; readonly changes: number; readonly refusals: readonly string[] };
  readonly certificates: readonly CertificateSnapshot[];
}

export interface TokenSnapshot {
  readonly label: string;
  readonly reachable: boolean;
  readonly pin: 'fine' | 'count-low' | 'final-try' | 'locked' | 'unknown';
  readonly login: 'proven' | 'refused' | 'no PIN' | 'unanswered' | 'unknown';
  /** Of the last proving signature, milliseconds. */
  readonly signLatencyMs?: number;
  readonly signatures: number;
  readonly lookedAt?: Date;
}

export interface CertificateSnapshot {
  readonly nickname: string;
  readonly profile: string;
  /** The token's label, 'internal', or the certificate's file. */
  readonly where: string;
  readonly request?: string;
  /** certmonger's word, 'not tracked', or 'unknown'. */
  readonly state: string;
  readonly subject?: string;
  readonly issuer?: string;
  readonly serial?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** When it is to be renewed: the window, and the moment planned in it (renewal/calendar). */
  readonly renewal?: Renewal & Partial<Pick<CalendarEntry, 'by' | 'later'>>;
  readonly diagnosis?: Diagnosis;
  /** What it had been before, as far as known, oldest first. */
  readonly history: readonly { readonly notBefore: Date; readonly notAfter: Date; readonly serial?: string }[];
  /** The last renewal this agent saw from beginning to end, seconds. */
  readonly lastRenewal?: { readonly at: Date; readonly seconds: number };
}

/** Since the agent was started. */
export interface Counters {
  readonly renewals: readonly { readonly instance: string; readonly nickname: string; readonly count: number }[];
  readonly failures: readonly { readonly instance: string; readonly cause: string; readonly count: number }[];
  readonly heals: readonly { readonly instance: string; readonly cause: string; readonly count: number }[];
  readonly signatures: readonly { readonly instance: string; readonly count: number }[];
}
