import type { Check } from '../../check.js';
import type { CertmongerFacts } from '../../facts/certmonger.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';
import { ourRequests } from './ours.js';

type Request = CertmongerFacts['requests'][number];

/** A renewal takes minutes, also by a CA that wants an agent's approval and is asked every few minutes. */
const longMinutes = 30;

export const requestsMoving: Check = {
  source: 'hsmonger.certmonger',
  name: 'RequestsMoving',
  about: 'No request of the instance is stuck, waits for a week, or goes round in a circle.',
  run: ({ certmonger, instance, now }) =>
    known(certmonger, ({ requests }) => {
      const ours = ourRequests(instance, requests);
      return orFine(ours.flatMap(({ nickname, request }) => judge(nickname, request, now)), `All ${String(ours.length)} requests rest or are under way.`);
    }),
};

function judge(nickname: string, request: Request, now: Date): Finding[] {
  const { status, stuck, caError, nickname: id, submitted } = request;
  const said = caError === undefined ? '' : ` (${caError.replace(/\.$/u, '')})`;
  if (stuck) return [stuckFinding(nickname, request, said)];
  // configure.ac:753: CA_UNREACHABLE is asked about every seven days.
  if (status === 'CA_UNREACHABLE') return [{ severity: 'warning', key: nickname, message: `The request '${id}' for '${nickname}' waits up to seven days because the CA helper could not be asked${said}.`, fix: `Ask again now: getcert resubmit -i ${id}.`, remedy: { kind: 'resubmit', nickname } }];
  if (status === 'MONITORING') return caError === undefined ? [] : [{ severity: 'warning', key: nickname, message: `The last renewal of '${nickname}' failed, and certmonger tries it again at its next threshold${said}.`, fix: `Mend what it says, then: hsmonger renew '${nickname}'.` }];
  const minutes = submitted === undefined ? undefined : Math.floor((now.getTime() - submitted.getTime()) / 60_000);
  if (minutes === undefined || minutes < longMinutes) return [];
  return [{ severity: 'warning', key: nickname, message: `The request '${id}' for '${nickname}' was submitted ${String(minutes)} minutes ago and is still ${status}, which certmonger never calls stuck.`, fix: 'See why with: hsmonger status; a save that fails is tried again for ever, and ends when its cause does.' }];
}

/** What a person does about each kind of stop; a PIN is not tried again by itself (design rule 4). */
function stuckFinding(nickname: string, { status, nickname: id }: Request, said: string): Finding {
  const message = (what: string) => `The request '${id}' for '${nickname}' is stuck in ${status}: ${what}${said}.`;
  const resubmit = `getcert resubmit -i ${id}`;
  const remedy = { kind: 'resubmit', nickname } as const;
  if (status.endsWith('_PIN')) return { severity: 'error', key: nickname, message: message("certmonger's PIN was missing or wrong"), fix: `Correct the PIN file, prove it with hsmonger token check, then: ${resubmit}.` };
  if (status.endsWith('_TOKEN')) return { severity: 'error', key: nickname, message: message('certmonger did not see the token'), fix: `Bring the token back, then: ${resubmit}.`, remedy };
  if (status.endsWith('_PERMS')) return { severity: 'error', key: nickname, message: message('certmonger may not write where the certificate lies'), fix: `Give the NSS database or file to the service user, then: ${resubmit}.` };
  switch (status) {
    case 'CA_REJECTED':
      return { severity: 'error', key: nickname, message: message('the CA refused'), fix: `Mend what it says, then: ${resubmit}.` };
    case 'CA_UNCONFIGURED':
      return { severity: 'error', key: nickname, message: message('the CA helper is not configured'), fix: `Correct the instance file, then: ${resubmit}.` };
    case 'NEED_CA':
      return { severity: 'error', key: nickname, message: message('its CA is not known to certmonger'), fix: 'Register it with: hsmonger setup; then: hsmonger track apply.', remedy: { kind: 'reconcile' } };
    default:
      return { severity: 'error', key: nickname, message: message('certmonger waits for somebody'), fix: `Look into certmonger's journal, then: ${resubmit}.`, remedy };
  }
}
