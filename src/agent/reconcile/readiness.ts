import { isDeepStrictEqual } from 'node:util';
import type { Directories, Instance } from '../../config/instance.js';
import { tokenViews } from '../../config/token-views.js';
import { loadInstance } from '../../config/load.js';
import { sentenceOf } from '../../errors.js';
import type { Probe } from '../../diagnosis/probe.js';
import type { Prober } from '../probe/prober.js';

/** Why certmonger's requests are not looked into now: 'unknown' passes by itself soon, the others are told. */
export type Unready = { readonly kind: 'unknown' } | { readonly kind: 'obstacle'; readonly why: string };

/** Looking into the requests logs in to the token: not where the last look says that this will not do. */
export function tokenReady({ token, certificates }: Instance, probe: Probe | undefined): Unready | undefined {
  if (token === undefined || !certificates.some(({ storage }) => storage.kind === 'token')) return undefined;
  if (probe === undefined) return { kind: 'unknown' };
  if (probe.token === undefined) return undefined;
  if (probe.token.state === 'away') return { kind: 'obstacle', why: probe.token.problem };
  if (probe.token.pin === 'locked' || probe.token.pin === 'final-try')
    return { kind: 'obstacle', why: "The token's PIN is locked, or one wrong try away from it." };
  return probe.token.login.state === 'proven' ? undefined : { kind: 'obstacle', why: probe.token.login.problem };
}

/** The same of all the instance's tokens: while one is ready, what lies on it is looked into, and the survey tells of the others. */
export function anyTokenReady(instance: Instance, prober: Pick<Prober, 'latest'>): Unready | undefined {
  const all = tokenViews(instance).map((view) => tokenReady(view, prober.latest(view.certificates[0]?.nickname)));
  return all.includes(undefined) ? undefined : all[0];
}

/** setup and unsetup write the file; what the agent read before that is not the truth any more. */
export function fileReady(directories: Directories, instance: Instance): Unready | undefined {
  try {
    if (isDeepStrictEqual(loadInstance(directories, instance.name), instance)) return undefined;
    return {
      kind: 'obstacle',
      why: `${instance.file} is another than the agent read; it is read again with: systemctl reload hsmonger-agent.`,
    };
  } catch (error) {
    return { kind: 'obstacle', why: sentenceOf(error) };
  }
}
