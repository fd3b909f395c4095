import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { RenewalPreview } from '../../service/tasks/renewal/preview-renewal.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { certificateFromPem } from '../../x509/pem.js';
import { keyFingerprint } from '../../x509/public-key.js';
import { harmless, painted } from '../output.js';
import type { Standing } from '../../tracking/standing.js';

/** What a person compares before and after. */
export interface Held {
  /** Hex. */
  readonly serial: string;
  readonly notAfter: Date;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly key: string;
}

export interface RenewalReport {
  readonly nickname: string;
  readonly request: string;
  /** 'submitted' where nobody waited. */
  readonly result: Standing | 'submitted';
  readonly state: string;
  readonly before?: Held;
  readonly after?: Held;
  /** Why it failed, or what is waited for. */
  readonly reason?: string;
}

export function heldOf(request: Pick<TrackingRequest, 'certificate'>): Held | undefined {
  const { pem } = request.certificate;
  if (pem === undefined) return undefined;
  const { serial, notAfter, spki } = parseCertificate(certificateFromPem(pem));
  return { serial: Buffer.from(serial).toString('hex'), notAfter, key: keyFingerprint(spki) };
}

export function renewalText({ nickname, request, result, state, before, after, reason }: RenewalReport, colour: boolean): string {
  const style = result === 'renewed' ? 'green' : result === 'failed' ? 'red' : 'yellow';
  const verdict = painted({ text: result, style }, colour);
  const lines = [`${harmless(nickname)}: ${verdict} (request ${harmless(request)}, ${harmless(state)})`];
  if (before !== undefined) lines.push(`  before  ${heldText(before)}`);
  if (after !== undefined)
    lines.push(`  after   ${heldText(after)}${before === undefined ? '' : after.key === before.key ? ', same key' : ', ANOTHER KEY'}`);
  if (reason !== undefined) lines.push(`  ${result === 'failed' ? 'because' : 'waiting'} ${harmless(reason)}`);
  return `${lines.join('\n')}\n`;
}

/** What --dry-run says: what would go to certmonger, and what would come of it. */
export interface DryRun {
  readonly nickname: string;
  readonly send: {
    readonly request: string;
    readonly ca: string;
    readonly profile: string;
    readonly keyType: string;
    readonly keySize: number;
  };
  readonly issue:
    | RenewalPreview
    | {
        readonly nickname: string;
        /** Nobody can say before. */ readonly ok: 'unknown';
        /** Why, as a sentence. */ readonly message: string;
      };
}

export function dryRunText({ nickname, send, issue }: DryRun): string {
  const lines = [
    nickname,
    `  send    resubmit request ${send.request} to CA ${send.ca}, profile ${send.profile}, with its own key (${send.keyType} ${String(send.keySize)})`,
  ];
  if (issue.ok === 'unknown') {
    lines.push(`  issue   ${issue.message}`);
  } else if (issue.ok) {
    lines.push(
      `  issue   subject ${issue.subject}`,
      `          not before ${issue.notBefore.toISOString()}, not after ${issue.notAfter.toISOString()}; serial number drawn at random when issued`,
      `          signed by '${issue.signer}' (${issue.issuer}) with ${issue.algorithm}`,
      `          key ${issue.key.type} ${String(issue.key.bits)}, SHA-256 ${issue.key.fingerprint}`,
      ...issue.extensions.map(({ oid, critical, value }) => `          extension ${oid}${critical ? ' critical' : ''} ${value}`),
    );
  } else {
    lines.push(`  refuse  ${issue.message}`);
  }
  return lines.map((line) => `${harmless(line)}\n`).join('');
}

function heldText({ serial, notAfter, key }: Held): string {
  return `serial ${serial}, expires ${notAfter.toISOString().slice(0, 16).replace('T', ' ')} UTC, key ${key.slice(0, 16)}`;
}
