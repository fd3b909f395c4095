import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceSite } from '../../config/instance.js';
import { sentenceOf } from '../../errors.js';
import { finishSavings } from '../../service/finish-savings.js';
import { createBackOff } from '../timing/back-off.js';
import { createWaker } from '../timing/waker.js';
import type { CertmongerLink } from '../certmonger-link.js';
import type { Prober } from '../probe/prober.js';
import { createFollower } from './follower.js';
import { createRationedLog, createTroubleLog, type Log } from '../log.js';
import type { DirectoryReport, WatcherLine } from './watcher-line.js';
import { startWatcher } from './watch-child.js';

export interface FollowingGiven extends InstanceSite {
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

/** Looks after one instance until the signal: keeps a watcher running, and does what its reports call for, one after the other. */
export interface Following {
  readonly ended: Promise<void>;
  /** certmonger said something: what waits for it may go on. */
  nudge(): void;
}

export function startFollowing({ instance, directories, certmonger, prober, pollMs, log, signal }: FollowingGiven): Following {
  const told = createRationedLog(log);
  const follower = createFollower(instance, log, () => prober.prove());
  const following = createTroubleLog(log);
  const finishing = createTroubleLog(log);
  let alarmed = -Infinity;
  let latest: DirectoryReport | undefined;
  let seen: DirectoryReport | undefined;
  /** Milliseconds until the next look at certmonger where nothing else calls for one. */
  let again: number | undefined;
  const retry = createBackOff({ firstMs: soonMs, mostMs: 60_000 });
  const waker = createWaker(signal);

  const watch = async () => {
    const watching = createTroubleLog(told);
    const pause = createBackOff(reconnect);
    const onLine = (line: WatcherLine) => {
      if (line.kind !== 'report') {
        told('info', line.message);
        return;
      }
      watching.over('the directory is watched again.');
      latest = line;
      waker.wake();
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
      await waker.sleep(again ?? dayMs);
      waker.reset();
      const report = latest;
      if (report === undefined) continue;
      if (report !== seen) {
        tellAlarm(report);
        await finish(report);
      }
      seen = report;
      await follow(report);
      // Its signals come in swarms.
      await sleep(leastMs, undefined, { signal }).catch(() => undefined);
    }
  };

  const follow = async (report: DirectoryReport) => {
    try {
      again = (await certmonger.use((connected) => follower.follow(connected, report))) ? soonMs : undefined;
      retry.reset();
      following.over('certmonger answers again.');
    } catch (error) {
      following.trouble(sentenceOf(error));
      again = retry.next();
    }
  };

  const finish = async ({ unfinished }: DirectoryReport) => {
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

  const tellAlarm = ({ alarm }: DirectoryReport) => {
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
      if (again !== undefined) waker.wake();
    },
  };
}
