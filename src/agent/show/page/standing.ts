import { restingState, stuckStates } from '../../../../dbus/states.js';
import type { AgentSnapshot, CertificateSnapshot } from '../../report/snapshot.js';

/** How a certificate stands, for a person: never told by colour alone. */
export interface Standing {
  readonly tone: Tone;
  readonly word: string;
}

/** Worst first. */
export const tones = ['bad', 'warn', 'busy', 'unclear', 'good'] as const;
export type Tone = (typeof tones)[number];

export function standingOf({ diagnosis, state, notAfter }: CertificateSnapshot, now: Date): Standing {
  if (notAfter !== undefined && notAfter <= now) return { tone: 'bad', word: 'Expired' };
  if (diagnosis !== undefined) {
    const word = diagnosis.cure.alone ? 'Being healed' : 'Needs you';
    return { tone: diagnosis.severity === 'warning' ? 'warn' : 'bad', word };
  }
  if (state === restingState) return { tone: 'good', word: 'In order' };
  if (state === 'not tracked') return { tone: 'warn', word: 'Not tracked' };
  if (state === 'unknown') return { tone: 'unclear', word: 'Unknown' };
  if (stuckStates.has(state) || state === 'CA_UNREACHABLE') return { tone: 'warn', word: 'Waiting' };
  return { tone: 'busy', word: 'Renewing' };
}

/** The page in one sentence. */
export function verdictOf({ at, certmonger, instances }: AgentSnapshot): { readonly tone: Tone; readonly sentence: string } {
  const all = instances.flatMap(({ certificates }) => certificates);
  const standings = all.map((one) => standingOf(one, at));
  const troubled = standings.filter(({ tone }) => tone === 'bad' || tone === 'warn').length;
  const critical = instances.some(({ diagnoses }) => diagnoses.some(({ severity }) => severity !== 'warning'));
  if (!certmonger.running && certmonger.trouble === undefined) return { tone: 'unclear', sentence: 'certmonger has not been heard yet.' };
  if (!certmonger.running) return { tone: 'bad', sentence: 'certmonger does not answer, so nothing is renewed.' };
  if (all.length === 0) return { tone: 'unclear', sentence: 'There is nothing to look after yet.' };
  if (troubled > 0)
    return {
      tone: critical || standings.some(({ tone }) => tone === 'bad') ? 'bad' : 'warn',
      sentence: `${String(troubled)} of ${counted(all.length)} ${troubled === 1 ? 'needs' : 'need'} attention.`,
    };
  if (instances.some(({ diagnoses }) => diagnoses.length > 0))
    return { tone: critical ? 'bad' : 'warn', sentence: `The certificates are in order, but something they need is not.` };
  const busy = standings.filter(({ tone }) => tone === 'busy').length;
  if (busy > 0) return { tone: 'busy', sentence: `${String(busy)} of ${counted(all.length)} ${busy === 1 ? 'is' : 'are'} being renewed.` };
  if (standings.some(({ tone }) => tone === 'unclear')) return { tone: 'unclear', sentence: 'Not everything is known yet.' };
  return {
    tone: 'good',
    sentence: all.length === 1 ? 'The certificate is in order.' : `All ${String(all.length)} certificates are in order.`,
  };
}

function counted(count: number): string {
  return `${String(count)} certificate${count === 1 ? '' : 's'}`;
}
