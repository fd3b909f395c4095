import { setTimeout as sleep } from 'node:timers/promises';
import type { Directories, Instance } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import { finishSavings } from '../../service/finish-savings.js';
import { createBackOff } from '../timing/back-off.js';
import { createBell } from '../timing/waker.js';
import type { CertmongerLink } from '../certmonger-link.js';
import type { Prober } from '../probe/prober.js';
import { createFollower } from './follower.js';
import { createRationedLog, createTroubleLog, type Log } from '../log.js';
import type { Sight, WatcherLine } from './watcher-line.js';
import { startWatcher } from './watch-child.js';

export interface Attendance {
  readonly instance: Instance;
  readonly directories: Directories;
  readonly certmonger: CertmongerLink;
  readonly prober: Pick<Prober, 'prove'>;
  /** Milliseconds between two polls of the directory. */
  readonly pollMs: number;
  /** Says the instance's name in front. */
  readonly log: Log;
  readonly signal: AbortSignal;
}

const dayMs = 86_400_000;
/** Something is under way at certmonger: look again. */
const soonMs = 5000;
const leastMs = 500;
const reconnect = { firstMs: 1000, mostMs: 60_000 };

/** Looks after one instance until the signal: keeps a watcher running, and does what its sights call for, one after the other. */
export interface Attendant {
  readonly ended: Promise<void>;
  /** certmonger said something: what waits for it may go on. */
  nudge(): void;
}

export function attend({ instance, directories, certmonger, prober, pollMs, log, signal }: Attendance): Attendant {
  const told = createRationedLog(log);
  const follower = createFollower(instance, log, () => prober.prove());
  const following = createTroubleLog(log);
  const finishing = createTroubleLog(log);
  let alarmed = -Infinity;
  let latest: Sight | undefined;
  let seen: Sight | undefined;
  /** Milliseconds until the next look at certmonger where nothing else calls for one. */
  let again: number | undefined;
  const retry = createBackOff({ firstMs: soonMs, mostMs: 60_000 });
  const bell = createBell(signal);

  const watch = async () => {
    const watching = createTroubleLog(told);
    const pause = createBackOff(reconnect);
    const onLine = (line: WatcherLine) => {
      if (line.kind !== 'sight') {
        told('info', line.message);
        return;
      }
      watching.over('the directory is watched again.');
      latest = line;
      bell.ring();
    };
    while (!signal.aborted) {
      const started = performance.now();
      const child = startWatcher({ instance, directories, pollMs }, onLine);
      const stop = () => {
        child.stop();
      };
      signal.addEventListener('abort', stop);
      const trouble = await child.ended;
      signal.removeEventListener('abort', stop);
      if (trouble === undefined) return;
      watching.trouble(trouble.message);
      // Not at its first word: one that says it and ends would be started without end.
      if (performance.now() - started >= reconnect.mostMs) pause.reset();
      await sleep(pause.next(), undefined, { signal }).catch(() => undefined);
    }
  };

  const work = async () => {
    while (!signal.aborted) {
      await bell.pause(again ?? dayMs);
      bell.quiet();
      const sight = latest;
      if (sight === undefined) continue;
      if (sight !== seen) {
        tellAlarm(sight);
        await finish(sight);
      }
      seen = sight;
      await follow(sight);
      // Its signals come in swarms.
      await sleep(leastMs, undefined, { signal }).catch(() => undefined);
    }
  };

  const follow = async (sight: Sight) => {
    try {
      again = (await certmonger.use((connected) => follower.follow(connected, sight))) ? soonMs : undefined;
      retry.reset();
      following.over('certmonger answers again.');
    } catch (error) {
      following.trouble(sentenceOf(error));
      again = retry.next();
    }
  };

  const finish = async ({ unfinished }: Sight) => {
    if (unfinished === 0) return;
    try {
      await finishSavings({ instance, directories }, (sentence) => {
        log('info', sentence);
      });
      finishing.over('nothing is left unfinished.');
    } catch (error) {
      finishing.trouble(`Interrupted savings could not be finished: ${sentenceOf(error)}`);
    }
  };

  const tellAlarm = ({ alarm }: Sight) => {
    if (alarm === undefined) {
      if (alarmed > -Infinity) told('info', 'there is a renewal master again.');
      alarmed = -Infinity;
    } else if (performance.now() - alarmed >= dayMs) {
      told('error', alarm);
      alarmed = performance.now();
    }
  };

  return {
    ended: Promise.all([watch(), work()]).then(() => undefined),
    nudge: () => {
      if (again !== undefined) bell.ring();
    },
  };
}
