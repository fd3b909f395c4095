import { constants, accessSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceContext } from '../../../src/agent/instances/instance-context.js';
import { linkCertmonger } from '../../../src/agent/certmonger-link.js';
import { createEvents, type AgentEvent } from '../../../src/agent/report/events.js';
import type { RequestCache, RequestChange, CachedRequest } from '../../../src/agent/requests/request-cache.js';
import type { Prober } from '../../../src/agent/probe/prober.js';
import type { AgentConf } from '../../../src/config/agent-conf.js';
import type { Instance } from '../../../src/config/instance.js';
import { loadInstance } from '../../../src/config/load.js';
import type { Probe, TokenProbe, Verdict } from '../../../src/diagnosis/probe.js';
import { asHsmongerError } from '../../../src/errors.js';
import { pinFileNow } from '../../../src/pkcs11/pin/pin-aside.js';
import { askService } from '../../../src/service/ask.js';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';

/** A request cache that asks again every `everyMs`. */
export function plainPicture(list: () => Promise<readonly TrackingRequest[]>, signal: AbortSignal, everyMs = 300): RequestCache {
  const listeners = new Set<(change: RequestChange) => void>();
  let cachedRequests: readonly CachedRequest[] | undefined;
  let trouble: string | undefined = 'not asked yet';
  const put = (request: TrackingRequest): { readonly cached: CachedRequest; readonly change?: RequestChange } => {
    const before = cachedRequests?.find((each) => each.request.nickname === request.nickname);
    const now = performance.now();
    const cached: CachedRequest =
      before?.request.status === request.status
        ? { ...before, request }
        : { request, sinceMs: now, trail: [...(before?.trail ?? []), { status: request.status, atMs: now }].slice(-32) };
    return JSON.stringify(before?.request) === JSON.stringify(request)
      ? { cached: before ?? cached }
      : { cached, change: { kind: 'request', id: request.nickname, now: cached, ...(before === undefined ? {} : { before }) } };
  };
  const refresh = async () => {
    try {
      const read = (await list()).map(put);
      trouble = undefined;
      const changes = read.flatMap(({ change }) => change ?? []);
      if (cachedRequests === undefined || changes.length > 0 || read.length !== cachedRequests.length)
        cachedRequests = read.map(({ cached }) => cached);
      for (const change of changes) for (const listener of listeners) listener(change);
    } catch (error) {
      cachedRequests = undefined;
      trouble = asHsmongerError(error).message;
      for (const listener of listeners) listener({ kind: 'certmonger', running: false });
    }
  };
  const loop = async () => {
    while (!signal.aborted) {
      await refresh();
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  void loop();
  return {
    requests: () => cachedRequests,
    request: (id) => cachedRequests?.find(({ request }) => request.nickname === id),
    trouble: () => trouble,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh,
  };
}

/** Whole looks by the service's tasks, when asked and every `everyMs`. */
export function plainProber(
  place: Pick<InstanceContext, 'instance' | 'directories'>,
  helper: string,
  signal: AbortSignal,
  everyMs = 60_000,
): Prober {
  const listeners = new Set<(probe: Probe) => void>();
  let latest: Probe | undefined;
  let running: Promise<Probe> | undefined;
  const token = async (): Promise<TokenProbe> => {
    const pinFile = place.instance.token?.pin.from === 'file' ? place.instance.token.pin.path : '';
    const source = pinFileNow(pinFile);
    try {
      const {
        description: { pin },
      } = await askService(place, 'inspect token', { keys: false });
      try {
        const { keys, certificates } = await askService(place, 'inspect token', { keys: true });
        const of = (nickname: string) => certificates.find(({ label }) => label === nickname);
        const proven = Object.fromEntries(
          place.instance.certificates.map(({ nickname }) => [
            nickname,
            keys.some(({ id }) => Buffer.from(id).equals(Buffer.from(of(nickname)?.id ?? [])))
              ? ({ ok: true, latencyMs: 1 } as const)
              : ({ ok: false, code: 'KEY_NOT_FOUND', problem: `no key of '${nickname}'` } as const),
          ]),
        );
        return { state: 'present', pin, login: { state: 'proven', source: source ?? '' }, keys: proven };
      } catch (error) {
        const { code, message: problem } = asHsmongerError(error);
        if (/^PIN_(?:INCORRECT|KNOWN_BAD|LOCKED|FINAL_TRY)$/u.test(code))
          return {
            state: 'present',
            pin,
            keys: {},
            login: { state: 'refused', code, problem, ...(source === undefined ? {} : { source }) },
          };
        if (/^PIN_(?:SOURCE_MISSING|SOURCE_INVALID|UNSAFE)$/u.test(code))
          return { state: 'present', pin, keys: {}, login: { state: 'no PIN', code, problem } };
        return { state: 'present', pin, keys: {}, login: { state: 'unanswered', code, problem } };
      }
    } catch (error) {
      const { code, message: problem } = asHsmongerError(error);
      return { state: 'away', code, problem };
    }
  };
  const executable = (): Verdict => {
    try {
      accessSync(helper, constants.X_OK);
      return { ok: true };
    } catch {
      return { ok: false, problem: `certmonger cannot run the helper ${helper}.` };
    }
  };
  const whole = async () => {
    const seen = await token();
    const nss = await askService(place, 'inspect NSS database', undefined).then(
      ({ unwritable }) => unwritable,
      () => ['.'],
    );
    const probe: Probe = { at: new Date(), token: seen, nss: { unwritable: nss }, helper: executable() };
    latest = probe;
    running = undefined;
    for (const listener of listeners) listener(probe);
    return probe;
  };
  const look = () => (running ??= whole());
  const loop = async () => {
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).then(look, () => undefined);
    }
  };
  void loop();
  return {
    latest: () => latest,
    onProbe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
    prove: () => Promise.resolve(),
    signatures: () => 0,
  };
}

export interface HandMade {
  readonly context: InstanceContext;
  readonly events: AgentEvent[];
  readonly log: string[];
  stop(): void;
}

export const conf: AgentConf = { access: {}, metrics: {}, page: {}, notify: { journal: false, expiringDays: 14 }, user: 'nobody' };

/** What looks after an instance, on a real certmonger, without the agent around it. */
export function makeCare(given: {
  readonly bus: string;
  readonly configDir: string;
  readonly stateDir: string;
  readonly helper: string;
  readonly instance?: string;
  readonly probeMs?: number;
}): HandMade {
  const directories = { config: given.configDir, state: given.stateDir };
  const instance: Instance = loadInstance(directories, given.instance ?? 'hsmonger');
  const stop = new AbortController();
  const log: string[] = [];
  const told: AgentEvent[] = [];
  const events = createEvents();
  events.on((event) => told.push(event));
  const certmonger = linkCertmonger(given.bus, {}, () => undefined);
  const context: InstanceContext = {
    instance,
    directories,
    conf,
    instances: [instance],
    certmonger,
    requestCache: plainPicture(() => certmonger.use((daemon) => daemon.listRequests()), stop.signal),
    prober: plainProber({ instance, directories }, given.helper, stop.signal, given.probeMs),
    events,
    log: (priority, message) => log.push(`${String(Math.round(performance.now()))} ${priority} ${message}`),
    clock: () => new Date(),
    signal: stop.signal,
  };
  return {
    context,
    events: told,
    log,
    stop: () => {
      stop.abort();
      certmonger.close();
    },
  };
}
