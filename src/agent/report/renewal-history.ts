import { restingState, terminalStates } from '../../../dbus/states.js';
import { requestId } from '../../config/request-id.js';
import type { InstanceContext, Part } from '../instances/instance-context.js';
import { ownCertificate, ownRequest } from '../instances/own-request.js';
import type { CachedRequest } from '../requests/request-cache.js';

/** What became of one certificate while the agent looked on. */
export interface CertificateHistory {
  /** What it had been before, oldest first; the last eight. */
  readonly history: readonly { readonly notBefore: Date; readonly notAfter: Date; readonly serial?: string }[];
  /** The last renewal that was seen from its begin to its end. */
  readonly lastRenewal?: { readonly at: Date; readonly seconds: number };
}

/** Notices renewals, and certificates that near their end, and tells of them. */
export interface RenewalHistory extends Part {
  /** By nickname. */
  past(nickname: string): CertificateHistory;
}

const most = 8;
const dayMs = 86_400_000;
const everyMs = 60_000;
const none: CertificateHistory = { history: [] };

/** What is remembered of each certificate between two looks. */
interface Seen {
  readonly certificate: CachedRequest['request']['certificate'];
  /** Of performance.now(): when the request left its rest. */
  readonly leftMs?: number;
}

export function startRenewalHistory(
  context: Pick<InstanceContext, 'instance' | 'conf' | 'requestCache' | 'events' | 'clock' | 'signal'>,
): RenewalHistory {
  const { instance, requestCache, events, clock, signal } = context;
  const seen = new Map<string, Seen>();
  const past = new Map<string, CertificateHistory>();
  /** By nickname, the serial it was told of: once for each certificate. */
  const warned = new Map<string, string | undefined>();

  const look = (nickname: string, cached: CachedRequest) => {
    const { request, sinceMs } = cached;
    const before = seen.get(nickname);
    const { certificate } = request;
    const leftMs = before?.leftMs ?? (before === undefined || request.status === restingState ? undefined : sinceMs);
    if (terminalStates.has(request.status)) expiring(nickname, certificate);
    // The new one is told once certmonger has it for good: before that it may not be saved yet.
    if (request.status !== restingState) {
      seen.set(nickname, { certificate: before?.certificate ?? certificate, ...(leftMs === undefined ? {} : { leftMs }) });
      return;
    }
    if (before !== undefined && isNewer(before.certificate, certificate))
      renewed(nickname, before.certificate, certificate, leftMs === undefined ? undefined : (sinceMs - leftMs) / 1000);
    seen.set(nickname, { certificate });
  };

  const renewed = (nickname: string, old: Seen['certificate'], { serial, notAfter }: Seen['certificate'], seconds: number | undefined) => {
    const { history, lastRenewal } = past.get(nickname) ?? none;
    const added =
      old.notBefore === undefined || old.notAfter === undefined
        ? []
        : [{ notBefore: old.notBefore, notAfter: old.notAfter, ...(old.serial === undefined ? {} : { serial: old.serial }) }];
    const last = seconds === undefined ? lastRenewal : { at: clock(), seconds };
    past.set(nickname, { history: [...history, ...added].slice(-most), ...(last === undefined ? {} : { lastRenewal: last }) });
    const until = notAfter?.toISOString() ?? '';
    events.tell({
      kind: 'renewed',
      at: clock(),
      instance: instance.name,
      nickname,
      message: `'${nickname}' was renewed: the new certificate expires ${until.slice(0, 10)}.`,
      details: { serial: serial ?? '', 'not-after': until, ...(seconds === undefined ? {} : { seconds: seconds.toFixed(1) }) },
    });
  };

  const expiring = (nickname: string, { serial, notAfter }: Seen['certificate']) => {
    const days = notAfter === undefined ? Infinity : (notAfter.getTime() - clock().getTime()) / dayMs;
    if (days >= context.conf.notify.expiringDays) {
      warned.delete(nickname);
      return;
    }
    if (warned.has(nickname) && warned.get(nickname) === serial) return;
    warned.set(nickname, serial);
    const left = days < 0 ? 'has expired' : `expires in ${String(Math.floor(days))} days`;
    events.tell({
      kind: 'expiring',
      at: clock(),
      instance: instance.name,
      nickname,
      message: `'${nickname}' ${left}, and no newer certificate is under way.`,
      details: { 'days-left': String(Math.floor(days)), serial: serial ?? '' },
    });
  };

  const lookAtAll = () => {
    if (requestCache.requests() === undefined) return;
    for (const certificate of instance.certificates) {
      const cached = ownRequest(requestCache, instance, certificate);
      if (cached !== undefined) look(certificate.nickname, cached);
    }
  };

  const lookAt = (cached: CachedRequest) => {
    const own = ownCertificate(instance, cached.request);
    if (own === undefined) return;
    const ours = requestId(instance, own.nickname);
    // Where certmonger has a request of our id, another for the same place is somebody else's.
    if (cached.request.nickname === ours || requestCache.request(ours) === undefined) look(own.nickname, cached);
  };

  lookAtAll();
  // Days left change without certmonger.
  const timer = setInterval(lookAtAll, everyMs);
  const stop = requestCache.onChange((change) => {
    if (change.kind === 'certmonger') lookAtAll();
    else if (change.now !== undefined) lookAt(change.now);
  });
  return {
    past: (nickname) => past.get(nickname) ?? none,
    ended: new Promise((resolve) => {
      const end = () => {
        clearInterval(timer);
        stop();
        resolve();
      };
      if (signal.aborted) end();
      else signal.addEventListener('abort', end, { once: true });
    }),
  };
}

function isNewer(old: Seen['certificate'], now: Seen['certificate']): boolean {
  return now.serial !== old.serial && now.notAfter !== undefined && (old.notAfter === undefined || now.notAfter >= old.notAfter);
}
