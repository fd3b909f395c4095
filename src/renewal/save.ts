import { HsmongerError, sentenceOf } from '../errors.js';
import { announce, isSettled, journalEntry, retaining, unfinished, type JournalEntry } from '../ledger/journal.js';
import type { CertificateConfig } from '../config/instance.js';
import { ledgerOwner } from '../config/ledger-owner.js';
import { lyingOn } from '../config/token-views.js';
import { parseCertificate } from '../x509/parse-certificate.js';
import { whileSaving } from './lock.js';
import { serverOf } from './plan.js';
import { anyOverdue, pruningOf } from './pruning.js';
import { retryDelay, sha256, type Resumed, type SaveReport } from './report.js';
import { prepare, save, saveRest } from './save-one.js';
import { configured, type SavingContext } from './saving-context.js';
import { settle } from './saving-run.js';
import { assertDatabaseUsable } from './steps/check.js';
import { newestFirst } from './steps/locate.js';
import { hasNew, look, storedUnder } from './steps/look.js';
import { clearToken } from './steps/superseded.js';

export type { Resumed, SaveReport } from './report.js';

/** What interrupted savings wait for. */
export interface Pending {
  /** How many have something to do now. */
  readonly count: number;
  /** Whether the PKI server has to be stopped for any of them. */
  readonly stop: boolean;
}

/**
 * Before certmonger saves: finishes what an earlier saving left, looks whether this one can succeed, and notes it. Stops nothing. Returns
 * warnings.
 */
export async function beforeSaving(context: SavingContext, nickname: string): Promise<string[]> {
  const certificate = configured(context, nickname);
  return whileSaving(context.directories, context.instance, async () => {
    // What a server must be stopped for is root's to begin.
    const resumed = context.instance.pki?.unit === undefined ? await resume(context) : [];
    const warnings = resumed.flatMap((one) => (one.ok ? one.report.warnings : [one.message]));
    if (certificate.storage.kind === 'file') warnings.push(...(context.files?.get(nickname)?.troubles ?? []));
    else assertDatabaseUsable(context);
    announce(
      context.ledger(),
      nickname,
      (await storedUnder(context, certificate)).map((der) => Buffer.from(der).toString('base64')),
      context.clock(),
    );
    return warnings;
  });
}

/** After certmonger saved, and before a server is stopped for it: throws what would keep afterSaving() from changing anything. */
export function prepareSaving(context: SavingContext, nickname: string): Promise<void> {
  const certificate = configured(context, nickname);
  return whileSaving(context.directories, context.instance, () => prepare(context, certificate));
}

/**
 * After certmonger saved: proves the new certificate, sets trust, removes what it supersedes, tells whoever keeps a copy. Each step is
 * noted in the journal once it is finished; a failure leaves it there. Begun again it starts at the first step: all of them look at what is
 * there, none believes the journal.
 */
export function afterSaving(context: SavingContext, nickname: string): Promise<SaveReport> {
  const certificate = configured(context, nickname);
  return whileSaving(context.directories, context.instance, () => save(context, certificate));
}

/**
 * Finishes every saving that was interrupted; one whose new certificate certmonger has not stored (yet) is left as it is. On a clone it
 * saves what the owner has stored as well: certmonger, which reads that at its next start, never saves it.
 */
export function resumeSaving(context: SavingContext): Promise<Resumed[]> {
  return whileSaving(context.directories, context.instance, async () => {
    const outcomes = await resume(context);
    for (const entry of await storedByOwner(context)) await attempt(context, entry, outcomes, (certificate) => save(context, certificate));
    return outcomes;
  });
}

/**
 * What resumeSaving() would work on, and whether a server must be stopped first: not for a certificate that could not take the old one's
 * place anyway.
 */
export function pendingSavings(context: SavingContext): Promise<Pending> {
  return whileSaving(context.directories, context.instance, async () => {
    let count = overdue(context).length;
    let stop = false;
    for (const entry of unfinished(context.ledger())) {
      const what = await outstanding(context, entry).catch(failing);
      if (what === 'nothing') continue;
      count++;
      if (what === 'failing' || stop || serverOf(context.instance, configured(context, entry.nickname)) === undefined) continue;
      stop = what === 'all' ? await prepared(context, entry) : entry.detail.left.some(({ step }) => step === 'configured');
    }
    for (const entry of await storedByOwner(context)) {
      count++;
      stop ||= serverOf(context.instance, configured(context, entry.nickname)) !== undefined && (await prepared(context, entry));
    }
    return { count, stop };
  });
}

/** Notes that root has restarted the units. */
export function finishSaving(context: SavingContext, nickname: string): void {
  settle(context, nickname);
}

async function resume(context: SavingContext): Promise<Resumed[]> {
  const outcomes: Resumed[] = [];
  for (const entry of unfinished(context.ledger())) {
    await attempt(context, entry, outcomes, async (certificate) => {
      switch (await outstanding(context, entry)) {
        case 'nothing':
          return undefined;
        case 'rest':
          // Another certificate came meanwhile, and no server was stopped for it.
          return (
            (await saveRest(context, certificate)) ??
            save(
              serverOf(context.instance, certificate) === undefined ? context : { ...context, serverRuns: 'It was not stopped for this.' },
              certificate,
            )
          );
        case 'all':
          return save(context, certificate);
      }
    });
  }
  for (const entry of overdue(context)) await attempt(context, entry, outcomes, (certificate) => prune(context, certificate));
  return outcomes;
}

async function attempt(
  context: SavingContext,
  entry: JournalEntry,
  outcomes: Resumed[],
  work: (certificate: CertificateConfig) => Promise<SaveReport | undefined>,
): Promise<void> {
  const { nickname } = entry;
  try {
    const report = await work(configured(context, nickname));
    if (report !== undefined) outcomes.push({ ok: true, report });
  } catch (error) {
    if (!(error instanceof HsmongerError)) throw error;
    outcomes.push({
      ok: false,
      nickname,
      code: error.code,
      message: sentenceOf(error),
      retryAfterSeconds: retryDelay(entry, context.clock()),
    });
  }
}

/** What a saving that was begun still needs. */
async function outstanding(context: SavingContext, { nickname, step, detail }: JournalEntry): Promise<'nothing' | 'rest' | 'all'> {
  if (isSettled(step)) return 'rest';
  if (step !== 'announced' || (await hasNew(context, configured(context, nickname), detail.before))) return 'all';
  // certmonger has not stored the next one yet; what the last one left is still to be done.
  return detail.left.length === 0 ? 'nothing' : 'rest';
}

/** On a clone: of whose nickname the newest certificate on the token is not the one that is in place here. */
async function storedByOwner(context: SavingContext): Promise<JournalEntry[]> {
  const { instance } = context;
  if (ledgerOwner(instance).kind !== 'another host') return [];
  const found: JournalEntry[] = [];
  for (const certificate of instance.certificates) {
    const entry = journalEntry(context.ledger(), certificate.nickname);
    if (certificate.storage.kind !== 'token' || entry?.certificate === undefined || !isSettled(entry.step)) continue;
    const stored = await storedUnder(context, certificate)
      .then((all) => all.map((der) => parseCertificate(der)))
      .catch(failing);
    // While the token is away there is nothing to take from it.
    if (stored === 'failing') continue;
    const [newest] = newestFirst(stored);
    if (newest !== undefined && sha256(newest) !== entry.certificate) found.push(entry);
  }
  return found;
}

/** That it fails is for resumeSaving() to report. */
function failing(error: unknown): 'failing' {
  if (error instanceof HsmongerError) return 'failing';
  throw error;
}

async function prepared(context: SavingContext, { nickname }: JournalEntry): Promise<boolean> {
  try {
    await prepare(context, configured(context, nickname));
    return true;
  } catch (error) {
    failing(error);
    return false;
  }
}

function overdue({ ledger, clock, instance }: SavingContext): JournalEntry[] {
  return retaining(ledger()).filter(
    ({ nickname, step, detail }) =>
      isSettled(step) &&
      instance.certificates.some((one) => one.nickname === nickname) &&
      anyOverdue(detail.retained, clock(), instance.saving.graceDays),
  );
}

/** Removes what was left on a shared token for the other servers; nothing to report. */
async function prune(context: SavingContext, certificate: CertificateConfig): Promise<undefined> {
  const { pruning } = await pruningOf(context);
  if (pruning === 'never' || pruning === 'unknown') return undefined;
  const token = await context.openToken({ access: 'write', on: lyingOn(certificate.storage) });
  try {
    const { located } = await look(context, token, certificate);
    await clearToken(context, token, certificate.nickname, located);
  } finally {
    await token.close();
  }
  return undefined;
}
