import type { Certmonger } from '../../../dbus/certmonger.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { Instance } from '../../config/instance.js';
import { requestIds } from '../../config/request-id.js';
import { HsmongerError } from '../../errors.js';
import { isOurPlace } from '../../tracking/place.js';
import { needsPin } from '../../tracking/pin-first.js';
import { provenKey, resubmitSameKey } from '../../tracking/same-key.js';
import { createBackOff, type BackOff } from '../timing/back-off.js';
import { decideFollow, heldRequest, type HeldRequest, type Move } from './decide-follow.js';
import type { Log } from '../log.js';
import type { PublishedCertificate, DirectoryReport } from './watcher-line.js';

/** Has certmonger take what the renewal master published. */
export interface Follower {
  /**
   * Brings every nickname of the report as far as it can be brought now; gives whether something is under way, so that it should be called
   * again soon.
   */
  follow(certmonger: Certmonger, report: DirectoryReport): Promise<boolean>;
}

/**
 * That certmonger was asked to take something and has not yet: for each nickname, whatever the watcher, which reads what is not trusted,
 * says is published.
 */
interface Asked {
  /** End of the certificate certmonger had: the one thing here that no watcher can change. */
  readonly heldUntil: number;
  readonly pauses: BackOff;
  /** Of performance.now(): not before. */
  again: number;
}

/** A certificate certmonger does not get saved must not be asked for in a loop. */
const pauses = { firstMs: 30_000, mostMs: 3_600_000 };

export function createFollower(
  instance: Instance,
  log: Log,
  provePin: () => Promise<void>,
  now: () => number = () => performance.now(),
): Follower {
  const asked = new Map<string, Asked>();
  const doubts = new Map<string, { readonly certificate: string; readonly report: DirectoryReport }>();
  const ids = requestIds(instance);

  const due = (nickname: string, heldUntil: number): boolean => {
    const known = asked.get(nickname);
    const entry = known?.heldUntil === heldUntil ? known : { heldUntil, pauses: createBackOff(pauses), again: 0 };
    if (now() < entry.again) return false;
    entry.again = now() + entry.pauses.next();
    asked.set(nickname, entry);
    return true;
  };

  /**
   * That one it holds was missed must be in two reports while it rests: the first may be from before the saving ended, and asked once more
   * the request would wait for the next one.
   */
  const confirmed = (nickname: string, report: DirectoryReport, { certificate }: PublishedCertificate, { held }: HeldRequest): boolean => {
    if (certificate !== held?.certificate) return true;
    const doubt = doubts.get(nickname);
    if (doubt?.certificate !== certificate) doubts.set(nickname, { certificate, report });
    return doubt?.certificate === certificate && doubt.report !== report;
  };

  const make = async (
    certmonger: Certmonger,
    nickname: string,
    request: TrackingRequest,
    { held }: HeldRequest,
    { move, published }: Extract<Move, { published: PublishedCertificate }>,
  ) => {
    if (!due(nickname, held?.notAfter.getTime() ?? 0)) return;
    const until = published.notAfter.toISOString().slice(0, 10);
    if (needsPin(instance, request)) await provePin();
    const taken =
      move === 'refresh'
        ? await certmonger.request(request.nickname).refresh()
        : (await resubmitSameKey(certmonger, request.nickname, provenKey(nickname, request))).taken;
    log(
      'info',
      `'${nickname}': the renewal master published a certificate that expires ${until}; certmonger ${taken ? 'was asked to take it' : `is busy (${request.status}) and will be asked again`}.`,
    );
  };

  const arrived = (nickname: string, { held }: HeldRequest) => {
    const known = asked.get(nickname);
    if (known === undefined || held === undefined || held.notAfter.getTime() === known.heldUntil) return;
    asked.delete(nickname);
    log('info', `'${nickname}': certmonger has the certificate that expires ${held.notAfter.toISOString().slice(0, 10)}.`);
  };

  return {
    async follow(certmonger, report) {
      const { published, renewalMaster } = report;
      const requests = await certmonger.listRequests();
      let underWay = false;
      for (const nickname of new Set(published.map((one) => one.nickname))) {
        const request = requestOf(requests, instance, ids.get(nickname), nickname);
        if (request === undefined) continue;
        const held = heldRequest(request);
        const move = decideFollow(
          held,
          published.filter((one) => one.nickname === nickname),
          renewalMaster,
        );
        if (move.move !== 'resubmit') doubts.delete(nickname);
        const doubted = move.move === 'resubmit' && !confirmed(nickname, report, move.published, held);
        if (move.move === 'none' || doubted) arrived(nickname, held);
        if (move.move === 'none') continue;
        underWay = true;
        if (move.move === 'later' || doubted) continue;
        try {
          await make(certmonger, nickname, request, held, move);
        } catch (error) {
          // Of this one alone; with the bus or the daemon gone there is no next one.
          if (!(error instanceof HsmongerError) || /^(?:BUS|CERTMONGER)_/u.test(error.code)) throw error;
          log('warning', error.message);
        }
      }
      return underWay;
    },
  };
}

/** By our id, else whoever's it is that keeps the certificate in the same place; only one that asks our helper. */
function requestOf(
  requests: readonly TrackingRequest[],
  instance: Instance,
  id: string | undefined,
  nickname: string,
): TrackingRequest | undefined {
  const certificate = instance.certificates.find((one) => one.nickname === nickname);
  const found =
    requests.find((request) => request.nickname === id) ??
    requests.find((request) => certificate !== undefined && isOurPlace(request.certificateStorage, instance, certificate));
  return found?.ca === instance.name ? found : undefined;
}
