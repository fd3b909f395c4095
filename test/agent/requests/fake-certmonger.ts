import { setTimeout as sleep } from 'node:timers/promises';
import type { Certmonger } from '../../../dbus/certmonger.js';
import type { KnownCa } from '../../../dbus/known-ca.js';
import { trackingRequestOf, type TrackingRequest } from '../../../dbus/tracking-request.js';
import { Variant } from '../../../dbus/wire.js';
import { HsmongerError } from '../../../src/errors.js';
import type { CertmongerLink, LinkChange } from '../../../src/agent/certmonger-link.js';

/**
 * A certmonger whose signals can be lost and late, and which can be restarted amid a reading: what the real one cannot be made to do on
 * order.
 */
export interface FakeCertmonger {
  readonly link: Pick<CertmongerLink, 'use'>;
  hear(listener: (change: LinkChange) => void): void;
  /** `told`: whether its signal arrives. */
  change(id: string, status: string, told: boolean): void;
  add(id: string, status?: string): void;
  remove(id: string): void;
  rename(id: string, to: string, told: boolean): void;
  /** Ends; nothing answers until start. */
  stop(told: boolean): void;
  start(told: boolean): void;
  /** Status by id. */
  statuses(): Record<string, string>;
  /** How often the same request was being read twice at a time; must stay 0. */
  readonly collisions: number;
  readonly reads: number;
}

/** `delay`: milliseconds until the next answer. */
export function fakeCertmonger(delay: () => number): FakeCertmonger {
  const requests = new Map<string, string>();
  let paths = new Map<string, string>();
  let runs = 0;
  let nextPath = 0;
  let up = false;
  let listener: (change: LinkChange) => void = () => undefined;
  const reading = new Set<string>();
  let collisions = 0;
  let reads = 0;

  const name = () => `:1.${String(runs)}`;
  const away = () => new HsmongerError('CERTMONGER_UNAVAILABLE', 'certmonger does not run.');
  const deal = () => {
    runs += 1;
    nextPath = 0;
    paths = new Map([...requests.keys()].reverse().map((id) => [`/requests/Request${String(++nextPath)}`, id]));
  };
  const say = (told: boolean, change: LinkChange) => {
    if (told)
      setTimeout(() => {
        listener(change);
      }, delay());
  };
  const pathOf = (id: string) => [...paths].find(([, one]) => one === id)?.[0] ?? '/gone';
  const answering = async <T>(daemon: string, answer: () => T): Promise<T> => {
    await sleep(delay());
    if (!up || daemon !== name()) throw away();
    const result = answer();
    await sleep(delay());
    return result;
  };
  const certmonger: Pick<Certmonger, 'requestPlaces' | 'readAt' | 'listCas'> = {
    requestPlaces: () => answering(name(), () => ({ daemon: name(), paths: [...paths.keys()] })),
    readAt: async ({ daemon, path }, caNickname, known) => {
      if (reading.has(path)) collisions += 1;
      reading.add(path);
      reads += 1;
      try {
        const id = await answering(daemon, () => {
          const found = paths.get(path);
          return found === undefined ? undefined : requestOf(path, found, requests.get(found) ?? '');
        });
        if (id === undefined) return undefined;
        const digest = JSON.stringify(id);
        return digest === known ? 'same' : { request: { ...id, ca: await caNickname('/cas/CA1') }, digest };
      } finally {
        reading.delete(path);
      }
    },
    listCas: () => answering(name(), () => [{ path: '/cas/CA1', nickname: 'hsmonger' } as KnownCa]),
  };
  return {
    link: {
      use: async (work) => {
        await sleep(delay());
        if (!up) throw away();
        return work(certmonger as Certmonger);
      },
    },
    hear: (heard) => {
      listener = heard;
    },
    change(id, status, told) {
      if (!requests.has(id)) return;
      requests.set(id, status);
      say(told && up, { kind: 'properties', path: pathOf(id), names: ['status'] });
    },
    add(id, status = 'MONITORING') {
      if (requests.has(id)) return;
      requests.set(id, status);
      paths.set(`/requests/Request${String(++nextPath)}`, id);
    },
    remove(id) {
      paths.delete(pathOf(id));
      requests.delete(id);
    },
    rename(id, to, told) {
      const status = requests.get(id);
      if (status === undefined || requests.has(to)) return;
      const path = pathOf(id);
      requests.delete(id);
      requests.set(to, status);
      paths.set(path, to);
      say(told && up, { kind: 'properties', path, names: ['nickname'] });
    },
    stop(told) {
      up = false;
      say(told, { kind: 'daemon', running: false });
    },
    start(told) {
      if (up) return;
      up = true;
      deal();
      say(told, { kind: 'daemon', running: true });
    },
    statuses: () => Object.fromEntries([...requests].sort()),
    get collisions() {
      return collisions;
    },
    get reads() {
      return reads;
    },
  };
}

function requestOf(path: string, id: string, status: string): TrackingRequest {
  return trackingRequestOf(path, { nickname: new Variant('s', id), status: new Variant('s', status) }, undefined);
}
