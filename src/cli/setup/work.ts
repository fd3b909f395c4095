import type { Certmonger } from '../../../dbus/certmonger.js';
import type { Instance } from '../../config/instance.js';
import { moduleName } from '../../nss/modules.js';
import type { TrackingFacts } from '../../tracking/facts.js';
import type { Change } from '../../tracking/plan.js';

/** One thing setup would do; what is as it should be needs none. */
export type Work =
  | { readonly kind: 'write instance file' }
  | { readonly kind: 'register CA' }
  | { readonly kind: 'correct CA'; readonly now: string }
  | { readonly kind: 'register module' }
  | { readonly kind: 'track'; readonly change: Change };

/** What is missing, in the order it is done: a request needs its CA, and certmonger finds the token through the NSS database. */
export function workFor(given: { readonly instance: Instance; readonly fileExists: boolean; readonly facts: Pick<TrackingFacts, 'cas' | 'nss' | 'submitCommand'>; readonly changes: readonly Change[] }): Work[] {
  const { instance, fileExists, facts, changes } = given;
  const ca = facts.cas.find(({ nickname }) => nickname === instance.name);
  const caWork: Work[] = ca === undefined ? [{ kind: 'register CA' }] : ca.externalHelper === facts.submitCommand ? [] : [{ kind: 'correct CA', now: ca.externalHelper ?? 'no helper' }];
  return [
    ...(fileExists ? [] : [{ kind: 'write instance file' as const }]),
    ...caWork,
    ...(facts.nss.registered ? [] : [{ kind: 'register module' as const }]),
    ...changes.map((change) => ({ kind: 'track' as const, change })),
  ];
}

/** The work as a sentence for the person who decides. */
export function workText(work: Work, instance: Instance, submitCommand: string): string {
  switch (work.kind) {
    case 'write instance file':
      return `write ${instance.file}`;
    case 'register CA':
      return `register the CA '${instance.name}' with certmonger: ${submitCommand}`;
    case 'correct CA':
      return `set the helper of certmonger's CA '${instance.name}' to ${submitCommand} (now: ${work.now})`;
    case 'register module':
      return `register ${instance.token.module} as '${moduleName(instance.token.module)}' in the NSS database ${instance.nss.database}`;
    case 'track':
      return work.change.kind === 'remove' ? `stop tracking request ${work.change.id}` : `${work.change.kind === 'add' ? 'track' : `${work.change.kind} the request of`} '${work.change.request.nickname}' (profile ${work.change.request.profile})`;
  }
}

/** Registers the CA, or gives the one that is there our helper. */
export async function registerCa(certmonger: Certmonger, name: string, command: string): Promise<void> {
  const ca = certmonger.ca(name);
  if ((await ca.find()) === undefined) await certmonger.addCa(name, command);
  else await ca.setHelper(command);
}
