import { HsmongerError, sentenceOf } from '../errors.js';
import { issuedForKey } from '../ledger/issued.js';
import { announce, journalEntry, noteLocated, noteStep, unfinished, type SavingStep } from '../ledger/journal.js';
import { keyFingerprint } from '../x509/public-key.js';
import { archive, archiveFile } from './archive.js';
import { whileSaving } from './lock.js';
import { reported, sha256, type Resumed, type SaveReport } from './report.js';
import { archiveDirectory, configured, withInternal, type SavingContext } from './saving-context.js';
import { assertDatabaseUsable, check } from './steps/check.js';
import { describe } from './steps/locate.js';
import { hasNew, look } from './steps/look.js';
import { prove, proveKey } from './steps/prove.js';
import { removeSuperseded } from './steps/remove.js';
import { importWithTrust } from './steps/trust.js';

export type { Resumed, SaveReport } from './report.js';

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
