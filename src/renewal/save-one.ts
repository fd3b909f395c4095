import type { CertificateConfig } from '../config/instance.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { issuedForKey } from '../ledger/issued.js';
import { announce, isSettled, journalEntry, noteFollowUp, noteLocated } from '../ledger/journal.js';
import type { Certificate } from '../x509/certificate.js';
import { keyFingerprint } from '../x509/public-key.js';
import { archive } from './archive.js';
import { followUpsFor, hasChain, serverOf } from './plan.js';
import { sha256, type SaveReport } from './report.js';
import { archiveDirectory, withInternal, type SavingContext } from './saving-context.js';
import { finished, passed, settled, tokenIn, withRun, type Run } from './saving-run.js';
import { checkDatabase, checkStored } from './steps/check.js';
import { followUp } from './steps/follow-ups.js';
import { describe } from './steps/locate.js';
import { look, type Sight } from './steps/look.js';
import { prove, proveFileKey, proveKey } from './steps/prove.js';
import { removeSuperseded } from './steps/remove.js';
import { clearToken } from './steps/superseded.js';
import { importWithTrust } from './steps/trust.js';

/** Everything certmonger leaves undone for one certificate, from the first step on; each step looks at what is there. */
export function save(context: SavingContext, config: CertificateConfig): Promise<SaveReport> {
  return withRun(context, config, config.storage.kind === 'token' ? 'write' : 'read', async (run) => {
    const { located: found, authorities } = await located(run);
    const { certificate, superseded } = found;
    let gone: readonly Certificate[];
    try {
      gone = await keep(run, certificate, superseded);
    } finally {
      // Whatever kept the old certificate where it is must not keep directory and CS.cfg from the new one.
      await followUps(run, certificate, authorities);
    }
    await checked(run, certificate, gone);
    const { saving } = context.instance;
    return settled(run, certificate, gone, saving.restart ?? saving.stop ?? serverOf(context.instance, config));
  });
}

/** As far as can be known before anything is changed: throws what saving would throw then. */
export function prepare(context: SavingContext, config: CertificateConfig): Promise<void> {
  return withRun(context, config, 'read', async (run) => {
    await located(run);
  });
}

/** Tries again what was left of a saving whose certificate is in place; undefined where that is not the certificate there is now. */
export function saveRest(context: SavingContext, config: CertificateConfig): Promise<SaveReport | undefined> {
  return withRun(context, config, 'read', async (run) => {
    const entry = journalEntry(context.ledger(), config.nickname);
    const { located: found, authorities } = await look(context, run.token, config);
    const { certificate } = found;
    // While the next one is announced, the one there was before is meant; none that nobody has proven.
    const known =
      entry?.certificate === sha256(certificate) || entry?.detail.before.includes(Buffer.from(certificate.der).toString('base64'));
    if (entry === undefined || known !== true) return undefined;
    await followUps(run, certificate, authorities);
    // The server reads CS.cfg and NSS's trust when it starts, and cannot have started where the directory did not know its certificate.
    // Nothing left: killed before the restart.
    const changed = run.steps.length > 0 || entry.detail.left.length === 0;
    return settled(run, certificate, [], changed && entry.step === 'in service' ? serverOf(context.instance, config) : undefined);
  });
}

/** Which certificate is the new one, and that it may take the old one's place. */
async function located(run: Run): Promise<Sight> {
  const { context, config, token, warnings } = run;
  const { nickname, storage } = config;
  const { instance, clock } = context;
  const ledger = context.ledger();
  const step = journalEntry(ledger, nickname)?.step;
  if (step === undefined || isSettled(step)) announce(ledger, nickname, [], clock());
  const sight = await look(context, token, config);
  const { certificate, superseded, others } = sight.located;
  const before = superseded.map(({ der }) => Buffer.from(der).toString('base64'));
  noteLocated(
    ledger,
    nickname,
    { certificate: sha256(certificate), before, left: followUpsFor(instance, config, hasChain(config, certificate)) },
    clock(),
  );
  passed(run, 'located');
  warnings.push(
    ...others.map(
      (other) => `Another certificate '${nickname}' (${describe(other)}) is neither the new one nor replaced by it and was left alone.`,
    ),
  );

  const issued = issuedForKey(ledger, keyFingerprint(certificate.spki));
  const chain = hasChain(config, certificate) ? 'follows' : instance.issuer.type === 'token' ? 'ours' : 'of another';
  warnings.push(...prove(nickname, { now: clock(), certificate, superseded, authorities: sight.authorities, issued }, chain));
  switch (storage.kind) {
    case 'token':
      await proveKey(nickname, tokenIn(run), certificate, sight.objects);
      break;
    case 'internal':
      await withInternal(context, 'read', (internal) => proveKey(nickname, internal, certificate, sight.objects));
      break;
    case 'file':
      warnings.push(...proveFileKey(nickname, context.files?.get(nickname), certificate));
      break;
  }
  finished(run, 'proven');
  return sight;
}

/** Trust for the new one, and the old ones out of the way, kept in the archive. Gives those that are gone from where it is stored. */
async function keep(run: Run, certificate: Certificate, superseded: readonly Certificate[]): Promise<readonly Certificate[]> {
  const { context, config, plan } = run;
  const { nickname } = config;
  if (plan.includes('trusted')) {
    await importWithTrust(context, config, certificate);
    finished(run, 'trusted');
  }
  const archiveIn = archiveDirectory(context);
  for (const old of superseded) archive(archiveIn, nickname, old);
  finished(run, 'archived');

  let gone = superseded;
  if (plan.includes('removed from token')) {
    gone = await clearToken(context, tokenIn(run), nickname, { certificate, superseded, others: [] });
    finished(run, 'removed from token');
  }
  if (plan.includes('removed from database')) {
    await withInternal(context, 'write', (internal) =>
      removeSuperseded(internal, { nickname, certificate, superseded, archive: archiveIn }),
    );
    finished(run, 'removed from database');
  }
  return gone;
}

/** Each by itself: what fails is left in the journal with its reason. */
async function followUps(run: Run, certificate: Certificate, authorities: readonly Certificate[]): Promise<void> {
  const { context, config } = run;
  const ledger = context.ledger();
  for (const { step } of journalEntry(ledger, config.nickname)?.detail.left ?? []) {
    try {
      run.warnings.push(...(await followUp(context, step, { config, certificate, authorities })));
    } catch (error) {
      if (!(error instanceof HsmongerError)) throw error;
      noteFollowUp(ledger, config.nickname, step, { reason: sentenceOf(error) }, context.clock());
      continue;
    }
    noteFollowUp(ledger, config.nickname, step, 'finished', context.clock());
    passed(run, step);
  }
}

async function checked(run: Run, certificate: Certificate, gone: readonly Certificate[]): Promise<void> {
  const { context, config, warnings } = run;
  switch (config.storage.kind) {
    case 'token':
      await checkStored(tokenIn(run), config.nickname, certificate, gone);
      break;
    case 'internal':
      await withInternal(context, 'read', (internal) => checkStored(internal, config.nickname, certificate, gone));
      break;
    case 'file':
      break;
  }
  if (config.storage.kind !== 'file') warnings.push(...checkDatabase(context));
  finished(run, 'checked');
}
