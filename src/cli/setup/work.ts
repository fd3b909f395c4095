import type { Certmonger } from '../../../dbus/certmonger.js';
import type { Instance } from '../../config/instance.js';
import { tokenOf } from '../../config/token-of.js';
import { moduleName } from '../../nss/modules.js';
import type { Change } from '../../tracking/plan.js';
import type { Survey } from '../../tracking/survey.js';
import type { Io } from '../io.js';
import { harmless, json } from '../output.js';
import type { FirstTrust } from './first-trust.js';

/** One thing setup would do; what is as it should be needs none. */
export type Work =
  | { readonly kind: 'write PIN file'; readonly file: string; readonly from: string }
  | { readonly kind: 'write instance file' }
  | { readonly kind: 'register CA'; readonly ca: CaCommand }
  | { readonly kind: 'correct CA'; readonly ca: CaCommand; readonly now: string }
  | { readonly kind: 'register module'; readonly module: string }
  | { readonly kind: 'set trust'; readonly certificate: FirstTrust }
  | { readonly kind: 'track'; readonly change: Change };

/** A CA of certmonger and the helper it must have. */
export interface CaCommand {
  readonly nickname: string;
  readonly command: string;
}

/** What is missing, in the order it is done: a request needs its CA, and certmonger finds the token through the NSS database. */
export function workFor(given: {
  readonly instance: Instance;
  readonly fileExists: boolean;
  readonly cas?: readonly CaCommand[];
  readonly facts: Survey['facts'];
  readonly untrusted?: readonly FirstTrust[];
  readonly changes: readonly Change[];
}): Work[] {
  const { instance, fileExists, untrusted = [], changes } = given;
  const [facts] = given.facts;
  const missing = given.facts.flatMap((look) => (look.nss.registered ? [] : [tokenOf(look.instance).module]));
  const caWork = (given.cas ?? [{ nickname: instance.name, command: facts.submitCommand }]).flatMap((ca): Work[] => {
    const known = facts.cas.find(({ nickname }) => nickname === ca.nickname);
    if (known === undefined) return [{ kind: 'register CA', ca }];
    return known.externalHelper === ca.command ? [] : [{ kind: 'correct CA', ca, now: known.externalHelper ?? 'no helper' }];
  });
  return [
    ...(fileExists ? [] : [{ kind: 'write instance file' as const }]),
    ...caWork,
    ...[...new Set(missing)].map((module) => ({ kind: 'register module' as const, module })),
    ...untrusted.map((certificate) => ({ kind: 'set trust' as const, certificate })),
    ...changes.map((change) => ({ kind: 'track' as const, change })),
  ];
}

/** The work as a sentence for the person who decides. */
export function workText(work: Work, instance: Instance): string {
  switch (work.kind) {
    case 'write PIN file':
      return `write ${work.file}, 0600, the service user's: the PIN from ${work.from}`;
    case 'write instance file':
      return `write ${instance.file}`;
    case 'register CA':
      return `register the CA '${work.ca.nickname}' with certmonger: ${work.ca.command}`;
    case 'correct CA':
      return `set the helper of certmonger's CA '${work.ca.nickname}' to ${work.ca.command} (now: ${work.now})`;
    case 'register module':
      return `register ${work.module} as '${moduleName(work.module)}' in the NSS database ${instance.nss.database}`;
    case 'set trust':
      return `trust '${work.certificate.nickname}' in the NSS database ${instance.nss.database} as its profile asks: ${work.certificate.trust}`;
    case 'track':
      return work.change.kind === 'remove'
        ? `stop tracking request ${work.change.id}`
        : `${work.change.kind === 'add' ? 'track' : `${work.change.kind} the request of`} '${work.change.request.nickname}' (profile ${work.change.request.profile})`;
  }
}

/** What a dry run says, and its exit code: 3 when there is anything to do. */
export function preview(works: readonly Work[], instance: Instance, asJson: boolean, io: Io): number {
  const lines = works.map((work) => workText(work, instance));
  if (asJson) io.out(json({ instance: instance.name, file: instance.file, would: lines }));
  else
    io.out(
      lines.length === 0
        ? `Instance '${instance.name}' is set up already; nothing would be changed.\n`
        : lines.map((line) => `would ${harmless(line)}\n`).join(''),
    );
  return lines.length === 0 ? 0 : 3;
}

/** Registers the CA, or gives the one that is there our helper. */
export async function registerCa(certmonger: Certmonger, { nickname, command }: CaCommand): Promise<void> {
  const ca = certmonger.ca(nickname);
  if ((await ca.find()) === undefined) await certmonger.addCa(nickname, command);
  else await ca.setHelper(command);
}
