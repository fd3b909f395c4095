import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceSite } from '../../config/instance.js';
import type { Probe } from '../../diagnosis/probe.js';
import { pinPathOf } from '../../config/token-of.js';
import { HsmongerError, reactions, sentenceOf, type ErrorCode } from '../../errors.js';
import { pinFileNow } from '../../pkcs11/pin/pin-aside.js';
import type { Clock } from '../../platform/clock.js';
import { pinVariables } from '../../service/ask.js';
import { createBackOff } from '../timing/back-off.js';
import { createWaker } from '../timing/waker.js';
import type { Part } from '../instances/instance-context.js';
import type { CertmongerLink } from '../certmonger-link.js';
import { createRationedLog, createTroubleLog, type Log } from '../log.js';
import { startProbeChild, type LookLine, type ProbeChild } from './probe-child.js';
import type { Prober } from './prober.js';
import { checkHelperFile, probeAsRoot } from './root-probe.js';

export interface ProberOptions extends InstanceSite {
  readonly log: Log;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The one in whose children's environment the helper is tried. */
  readonly certmonger: Pick<CertmongerLink, 'use'>;
  /** How long a single step of a look may take before its process is ended. Default 30 s: a login to a networked HSM took 18. */
  readonly silenceMs?: number;
}

const restart = { firstMs: 1000, mostMs: 60_000 };
/** A PIN that was changed on the token under its file shows in a login alone; many renewals begin together. */
const provenForMs = 15_000;

/** Starts the keep-alive; see Prober. */
export function startProber({ instance, directories, log, clock, signal, certmonger, silenceMs = 30_000 }: ProberOptions): Prober & Part {
  const { probeSeconds, signMinutes } = instance.agent;
  const listeners = new Set<(probe: Probe) => void>();
  const order = { instance, directories, env: pinVariables(instance) };
  const said = createTroubleLog(createRationedLog(log));
  let latest: Probe | undefined;
  let signatures = 0;
  /** Of performance.now(). */
  let signedAt = -Infinity;
  /** The kept session is not to be believed: a look with new eyes saw something else. */
  let doubt = false;
  /** The last login with new eyes that was taken; of performance.now(). */
  let proof: { readonly source: string; readonly atMs: number } | undefined;
  const waker = createWaker(signal);

  const tell = (probe: Probe) => {
    latest = probe;
    for (const listener of [...listeners])
      queueMicrotask(() => {
        listener(probe);
      });
  };

  const probeOf = ({ token, nss, directory, ca, disk }: Omit<LookLine, 'kind'>, root: Pick<Probe, 'helper' | 'disk'>): Probe => {
    signatures += token?.signatures ?? 0;
    const { helper } = root;
    const room = disk?.ok === false ? disk : (root.disk ?? disk);
    return {
      at: clock(),
      ...(token === undefined ? {} : { token: token.probe }),
      ...(nss === undefined ? {} : { nss }),
      ...(helper === undefined ? {} : { helper }),
      ...(directory === undefined ? {} : { directory }),
      ...(ca === undefined ? {} : { ca }),
      ...(room === undefined ? {} : { disk: room }),
    };
  };

  /** What is known where the process that should look crashed or hung. */
  const silent = (error: unknown): Probe => {
    const problem = sentenceOf(error);
    return {
      at: clock(),
      ...(instance.token === undefined
        ? {}
        : { token: { state: 'away', code: error instanceof HsmongerError ? error.code : 'TOKEN_FAILED', problem } }),
    };
  };

  const lookOnce = async (child: ProbeChild) => {
    const sign = signMinutes > 0 && performance.now() - signedAt >= signMinutes * 60_000;
    const anew = doubt;
    doubt = false;
    const line = await child.look({ sign, anew });
    if (sign && line.token?.probe.state === 'present' && line.token.probe.login.state === 'proven') signedAt = performance.now();
    tell(probeOf(line, glance()));
  };

  /** Looks through one process until that is gone; rejects where it ended over a look. */
  const keep = async (child: ProbeChild) => {
    let gone = false;
    void child.ended.then(() => {
      gone = true;
      waker.wake();
    });
    const over = () => gone || signal.aborted;
    while (!over()) {
      await lookOnce(child);
      said.over('what renewals need is looked at again.');
      waker.reset();
      if (!doubt && !over()) await waker.sleep(probeSeconds * 1000);
    }
  };

  const run = async () => {
    const pause = createBackOff(restart);
    const over = () => signal.aborted;
    while (!over()) {
      const started = performance.now();
      const child = startProbeChild({ ...order, bind: false }, silenceMs);
      const stop = () => {
        child.stop();
      };
      signal.addEventListener('abort', stop);
      const trouble = await keep(child).then(
        () => undefined,
        (error: unknown) => error,
      );
      signal.removeEventListener('abort', stop);
      child.stop();
      const reason = await child.ended;
      if (over()) return;
      if (trouble !== undefined) tell(silent(trouble));
      said.trouble(reason?.message ?? sentenceOf(trouble));
      if (performance.now() - started >= restart.mostMs) pause.reset();
      await sleep(pause.next(), undefined, { signal }).catch(() => undefined);
    }
  };

  /** Whole, or no more than proves a login. */
  const freshLook = async (extent: 'whole' | 'login'): Promise<Probe> => {
    const before = latest;
    const askedMs = performance.now();
    const whole = extent === 'whole';
    const child = startProbeChild({ ...order, bind: whole && instance.drop === 'setuid' }, silenceMs);
    const stop = () => {
      child.stop();
    };
    signal.addEventListener('abort', stop);
    try {
      const [line, root] = await Promise.all([
        child.look({ sign: whole && signMinutes > 0, anew: true }),
        whole ? probeAsRoot(() => certmonger.use((connected) => connected.processId())) : glance(),
      ]);
      const seen = probeOf(line, root);
      const probe = whole ? seen : withKnown(seen, before);
      const login = probe.token?.state === 'present' ? probe.token.login : undefined;
      proof = login?.state === 'proven' ? { source: login.source, atMs: askedMs } : undefined;
      tell(probe);
      if (before === undefined || !sameToken(before, probe)) {
        doubt = true;
        waker.wake();
      }
      return probe;
    } catch (error) {
      const probe = silent(error);
      proof = undefined;
      if (!signal.aborted) tell(probe);
      return probe;
    } finally {
      signal.removeEventListener('abort', stop);
      child.stop();
      await child.ended;
    }
  };

  const logIn = oneAtATime(() => freshLook('login'));
  const prove = async () => {
    if (instance.token === undefined) return;
    const file = pinPathOf(instance.token.pin);
    if (proof !== undefined && performance.now() - proof.atMs < provenForMs && (file === undefined || pinFileNow(file) === proof.source))
      return;
    const { token } = await logIn();
    if (token?.state === 'away') throw obstacle(token);
    if (token !== undefined && token.login.state !== 'proven') throw obstacle(token.login);
  };

  return {
    latest: () => latest,
    onProbe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look: oneAtATime(() => freshLook('whole')),
    prove,
    signatures: () => signatures,
    ended: run().catch((error: unknown) => {
      log('error', `Looking after the token ended unexpectedly: ${sentenceOf(error)}`);
    }),
  };
}

/** Whether two looks agree on what a kept session can be wrong about. */
function sameToken({ token: left }: Probe, { token: right }: Probe): boolean {
  if (left?.state !== 'present' || right?.state !== 'present') return left?.state === right?.state;
  return left.login.state === right.login.state;
}

/** Codes are of errors.ts: the process that looks has no others. */
function obstacle({ code, problem }: { readonly code: string; readonly problem: string }): HsmongerError {
  return new HsmongerError(code in reactions ? (code as ErrorCode) : 'TOKEN_FAILED', problem);
}

/** A look that signs nothing takes away nothing that signatures showed of the keys. */
function withKnown(seen: Probe, before: Probe | undefined): Probe {
  if (seen.token?.state !== 'present' || before?.token?.state !== 'present') return seen;
  const known = before.token.keys;
  const keys = Object.entries(seen.token.keys).map(
    ([nickname, key]) => [nickname, key.ok && known[nickname]?.ok === true ? known[nickname] : key] as const,
  );
  return { ...seen, token: { ...seen.token, keys: Object.fromEntries(keys) } };
}

function glance(): Pick<Probe, 'helper'> {
  const helper = checkHelperFile();
  return helper === undefined ? {} : { helper };
}

/** Who asks while one runs wants what is true from now on: all of them share the next one. */
function oneAtATime<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let following: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const mine = work().finally(() => {
      if (running === mine) running = undefined;
    });
    running = mine;
    return mine;
  };
  return () => {
    if (running === undefined) return start();
    following ??= running
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        following = undefined;
        return start();
      });
    return following;
  };
}
