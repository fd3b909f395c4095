import { createHash } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { HsmongerError, sentenceOf, type ErrorCode } from '../errors.js';
import { issuedForKey } from '../ledger/issued.js';
import { announce, journalEntry, noteLocated, noteStep, unfinished, type SavingStep } from '../ledger/journal.js';
import { assertSqlDatabase, databaseFacts, notOwnedBy } from '../nss/database.js';
import type { Token, TokenCertificate } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import { equalBytes } from '../x509/der.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { keyFingerprint } from '../x509/public-key.js';
import { archive, archiveFile } from './archive.js';
import { whileSaving } from './lock.js';
import { archiveDirectory, configured, withInternal, type SavingContext } from './saving-context.js';
import { describe, locate, type Located } from './steps/locate.js';
import { prove, proveKey } from './steps/prove.js';
import { removeSuperseded } from './steps/remove.js';
import { importWithTrust } from './steps/trust.js';

/** A certificate in a report: plain values only, for it travels between processes. */
export interface ReportedCertificate {
  /** Hex. */
  readonly serial: string;
  /** ISO 8601. */
  readonly notAfter: string;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
}

export interface SaveReport {
  readonly nickname: string;
  readonly steps: readonly SavingStep[];
  readonly newCertificate: ReportedCertificate;
  /** Superseded ones, with the file each is kept in. */
  readonly removed: readonly (ReportedCertificate & { readonly file: string })[];
  /** Whole sentences. */
  readonly warnings: readonly string[];
  /** The unit root restarts now; finishSaving() once that is done. Absent: the saving is done. */
  readonly restart?: string;
}

export type Resumed = { readonly ok: true; readonly report: SaveReport } | { readonly ok: false; readonly nickname: string; readonly code: ErrorCode; readonly message: string };

/** Before certmonger saves: finishes what an earlier saving left, looks whether this one can succeed, and notes it. Stops nothing. Returns warnings. */
export async function beforeSaving(context: SavingContext, nickname: string): Promise<string[]> {
  configured(context, nickname);
  return whileSaving(context.directories, context.instance, async () => {
    const warnings = (await resume(context)).flatMap((resumed) => (resumed.ok ? resumed.report.warnings : [resumed.message]));
    assertDatabaseUsable(context);
    const token = await context.openToken({ access: 'read' });
    try {
      announce(context.ledger(), nickname, (await token.certificates(nickname)).map(({ der }) => Buffer.from(der).toString('base64')), context.clock());
    } finally {
      await token.close();
    }
    return warnings;
  });
}

/**
 * After certmonger saved: proves the new certificate, sets trust, removes what it supersedes. Each step is noted in the journal once it is
 * finished; a failure leaves it there. Begun again it starts at the first step: all of them look at what is there, none believes the journal.
 */
export function afterSaving(context: SavingContext, nickname: string): Promise<SaveReport> {
  return whileSaving(context.directories, context.instance, () => save(context, nickname));
}

/** Finishes every saving that was interrupted; one whose new certificate certmonger has not stored (yet) is left as it is. */
export function resumeSaving(context: SavingContext): Promise<Resumed[]> {
  return whileSaving(context.directories, context.instance, () => resume(context));
}

/** Notes that root has restarted the unit: nothing is left to do. */
export function finishSaving({ ledger, clock, onStep }: SavingContext, nickname: string): void {
  noteStep(ledger(), nickname, 'done', clock());
  onStep?.(nickname, 'done');
}

async function resume(context: SavingContext): Promise<Resumed[]> {
  const outcomes: Resumed[] = [];
  for (const { nickname, step, detail } of unfinished(context.ledger())) {
    try {
      if (step === 'announced' && !(await hasNew(context, nickname, detail.before))) continue;
      outcomes.push({ ok: true, report: await save(context, nickname) });
    } catch (error) {
      if (!(error instanceof HsmongerError)) throw error;
      outcomes.push({ ok: false, nickname, code: error.code, message: sentenceOf(error) });
    }
  }
  return outcomes;
}

async function hasNew(context: SavingContext, nickname: string, before: readonly string[]): Promise<boolean> {
  const token = await context.openToken({ access: 'read' });
  try {
    return (await token.certificates(nickname)).some(({ der }) => !before.includes(Buffer.from(der).toString('base64')));
  } finally {
    await token.close();
  }
}

async function save(context: SavingContext, nickname: string): Promise<SaveReport> {
  const certificateConfig = configured(context, nickname);
  assertDatabaseUsable(context);
  const { instance, clock } = context;
  const ledger = context.ledger();
  const archiveIn = archiveDirectory(context);
  const steps: SavingStep[] = [];
  const warnings: string[] = [];
  const finished = (step: SavingStep) => {
    if (step !== 'located') noteStep(ledger, nickname, step, clock());
    steps.push(step);
    context.onStep?.(nickname, step);
  };
  if (isIdle(context, nickname)) announce(ledger, nickname, [], clock());

  const token = await context.openToken({ access: 'write' });
  try {
    const { located, objects, authorities } = await look(context, token, nickname);
    const { certificate, superseded, others } = located;
    noteLocated(ledger, nickname, { certificate: sha256(certificate), before: superseded.map(({ der }) => Buffer.from(der).toString('base64')) }, clock());
    finished('located');
    warnings.push(...others.map((other) => `Another certificate '${nickname}' (${describe(other)}) is neither the new one nor replaced by it and was left alone.`));

    warnings.push(...prove(nickname, { now: clock(), certificate, superseded, authorities, issued: issuedForKey(ledger, keyFingerprint(certificate.spki)) }, instance.issuer.type === 'token'));
    await proveKey(nickname, token, certificate, objects);
    finished('proven');

    await importWithTrust(context, certificateConfig, certificate);
    finished('trusted');

    for (const old of superseded) archive(archiveIn, nickname, old);
    finished('archived');

    const removal = { nickname, certificate, superseded, archive: archiveIn };
    await removeSuperseded(token, removal);
    finished('removed from token');

    await withInternal(context, 'write', (internal) => removeSuperseded(internal, removal));
    finished('removed from database');

    warnings.push(...(await check(context, token, located, nickname)));
    finished('checked');

    const restart = instance.saving.restart ?? instance.saving.stop;
    if (restart === undefined) finished('done');
    return {
      nickname,
      steps,
      newCertificate: reported(certificate),
      removed: superseded.map((old) => ({ ...reported(old), file: archiveFile(archiveIn, nickname, old) })),
      warnings,
      ...(restart === undefined ? {} : { restart }),
    };
  } finally {
    await token.close();
  }
}

function isIdle({ ledger }: SavingContext, nickname: string): boolean {
  const step = journalEntry(ledger(), nickname)?.step;
  return step === undefined || step === 'done';
}

/** Gathers what there is under the nickname, and every certificate that could be an issuer. */
async function look(context: SavingContext, token: Token, nickname: string): Promise<{ located: Located; objects: TokenCertificate[]; authorities: Certificate[] }> {
  const all = await token.certificates();
  const internal = await withInternal(context, 'read', (database) => database.certificates());
  const named = (objects: readonly TokenCertificate[]) => readable(objects.filter(({ label }) => label === nickname));
  const before = (journalEntry(context.ledger(), nickname)?.detail.before ?? []).map((der) => ({ der: Buffer.from(der, 'base64') }));
  const located = locate(nickname, { onToken: named(all), inDatabase: named(internal), before: readable(before) });
  return { located, objects: all, authorities: readable([...all, ...internal]) };
}

/** Certificates of others on the token need not be ones we can read. */
function readable(objects: readonly Pick<TokenCertificate, 'der'>[]): Certificate[] {
  return objects.flatMap(({ der }) => {
    try {
      return [parseCertificate(der)];
    } catch {
      return [];
    }
  });
}

/** What must hold at the end; RENEWAL_FAILED where it does not, warnings where an administrator should look. */
async function check(context: SavingContext, token: Token, { certificate, superseded }: Located, nickname: string): Promise<string[]> {
  const left = await token.certificates(nickname);
  const stale = left.filter(({ der }) => superseded.some((old) => equalBytes(old.der, der)));
  if (stale.length > 0 || !left.some(({ der }) => equalBytes(der, certificate.der))) {
    throw new HsmongerError('RENEWAL_FAILED', `Token '${token.description.label}' does not hold the new certificate '${nickname}' alone after the old ones were removed; the next attempt removes them again.`);
  }
  await token.findKey({ by: 'public-key', spki: certificate.spki });
  const foreign = notOwnedBy(databaseFacts(context.instance.nss.database), process.geteuid?.() ?? 0);
  return foreign.length === 0 ? [] : [`In ${context.instance.nss.database} ${foreign.join(', ')} do not belong to '${context.instance.user}'; run: chown -R ${context.instance.user} '${context.instance.nss.database}'.`];
}

function assertDatabaseUsable({ instance: { nss, user } }: SavingContext): void {
  assertSqlDatabase(nss.database, databaseFacts(nss.database));
  for (const name of ['.', 'cert9.db', 'key4.db']) {
    try {
      accessSync(`${nss.database}/${name}`, constants.R_OK | constants.W_OK);
    } catch (error) {
      throw new HsmongerError('NSS_FAILED', `The NSS database ${nss.database} cannot be written by '${user}' (${sentenceOf(error)}); run: chown -R ${user} '${nss.database}'.`, { cause: error });
    }
  }
}

function reported(certificate: Certificate): ReportedCertificate {
  return { serial: Buffer.from(certificate.serial).toString('hex'), notAfter: certificate.notAfter.toISOString(), sha256: sha256(certificate) };
}

function sha256({ der }: Certificate): string {
  return createHash('sha256').update(der).digest('hex');
}
