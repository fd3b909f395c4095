import type { CertificateConfig } from '../config/instance.js';
import { lyingOn } from '../config/token-views.js';
import { HsmongerError } from '../errors.js';
import { journalEntry, noteStep, type MainStep, type SavingStep } from '../ledger/journal.js';
import type { Token } from '../pkcs11/token.js';
import type { Certificate } from '../x509/certificate.js';
import { archiveFile } from './archive.js';
import { stepsFor } from './plan.js';
import { reported, retryDelay, type SaveReport } from './report.js';
import { archiveDirectory, type SavingContext } from './saving-context.js';
import { assertDatabaseUsable } from './steps/check.js';

/** One saving under way: what it has done so far. */
export interface Run {
  readonly context: SavingContext;
  readonly config: CertificateConfig;
  /** Absent where the instance has none. */
  readonly token: Token | undefined;
  /** The steps that keep it; what follows them is in the journal. */
  readonly plan: readonly SavingStep[];
  readonly steps: SavingStep[];
  readonly warnings: string[];
}

/** Runs `work` with a session on the token the certificate lies on, else the instance's own, where there is one. */
export async function withRun<T>(
  context: SavingContext,
  config: CertificateConfig,
  access: 'read' | 'write',
  work: (run: Run) => Promise<T>,
): Promise<T> {
  if (config.storage.kind !== 'file') assertDatabaseUsable(context);
  const token = context.instance.token === undefined ? undefined : await context.openToken({ access, on: lyingOn(config.storage) });
  try {
    return await work({ context, config, token, plan: stepsFor(context.instance, config, false), steps: [], warnings: [] });
  } finally {
    await token?.close();
  }
}

/** The token a certificate lies on; the schema lets none lie on a token the instance does not have. */
export function tokenIn({ token, context }: Run): Token {
  if (token !== undefined) return token;
  throw new HsmongerError('INTERNAL', `A certificate of '${context.instance.name}' lies on a token the instance does not have.`);
}

/** Where no unit waits for it the saving is over, but for what is left. */
export function settled(run: Run, certificate: Certificate, gone: readonly Certificate[], restart: string | undefined): SaveReport {
  const { context, config, steps, warnings } = run;
  const { nickname } = config;
  if (restart === undefined && journalEntry(context.ledger(), nickname)?.step !== 'announced')
    settle(context, nickname, (step) => steps.push(step));
  const entry = journalEntry(context.ledger(), nickname);
  const directory = archiveDirectory(context);
  return {
    nickname,
    steps,
    newCertificate: reported(certificate),
    removed: gone.map((old) => ({ ...reported(old), file: archiveFile(directory, nickname, old) })),
    retained: entry?.detail.retained.length ?? 0,
    warnings,
    ...(restart === undefined ? {} : { restart }),
    left: entry?.detail.left ?? [],
    retryAfterSeconds: entry === undefined ? 60 : retryDelay(entry, context.clock()),
  };
}

/** The units run with the certificate: 'done', or 'in service' while follow-ups are left. */
export function settle({ ledger, clock, onStep }: SavingContext, nickname: string, told: (step: MainStep) => void = () => undefined): void {
  const step = (journalEntry(ledger(), nickname)?.detail.left.length ?? 0) === 0 ? 'done' : 'in service';
  noteStep(ledger(), nickname, step, clock());
  told(step);
  onStep?.(nickname, step);
}

/** A step of the saving itself, into the journal. */
export function finished(run: Run, step: MainStep): void {
  noteStep(run.context.ledger(), run.config.nickname, step, run.context.clock());
  passed(run, step);
}

/** A step that is in the journal already. */
export function passed({ context, config, steps }: Run, step: SavingStep): void {
  steps.push(step);
  context.onStep?.(config.nickname, step);
}
