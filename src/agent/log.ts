/** sd-daemon(3): the journal reads a line's priority off its front. */
const priorities = { error: 3, warning: 4, info: 6 } as const;

/** Tells the journal, or whoever reads standard error, one line. */
export type Log = (priority: keyof typeof priorities, message: string) => void;

export function logTo(write: (text: string) => void, env: Readonly<Record<string, string | undefined>>): Log {
  const front = (priority: keyof typeof priorities) =>
    env['JOURNAL_STREAM'] === undefined ? 'hsmonger: ' : `<${String(priorities[priority])}>`;
  return (priority, message) => {
    write(`${front(priority)}${message}\n`);
  };
}

/** Trouble that comes back with each try is told when it begins, when it is another one, and when it is over. */
export interface TroubleLog {
  trouble(message: string): void;
  over(message: string): void;
}

export function createTroubleLog(log: Log): TroubleLog {
  let told: string | undefined;
  return {
    trouble(message) {
      if (message !== told) log('warning', message);
      told = message;
    },
    over(message) {
      if (told !== undefined) log('info', message);
      told = undefined;
    },
  };
}

const rationed = { lines: 10, everyMs: 60_000, length: 2000 };

/**
 * For words of a process that has read what is not trusted: single lines, cut, and so many a minute, with one that says that others were
 * left out.
 */
export function createRationedLog(log: Log, now: () => number = () => performance.now()): Log {
  let since = -Infinity;
  let told = 0;
  return (priority, message) => {
    if (now() - since >= rationed.everyMs) {
      since = now();
      told = 0;
    }
    told += 1;
    if (told <= rationed.lines) log(priority, message.slice(0, rationed.length).replace(/\p{Cc}+/gu, ' '));
    else if (told === rationed.lines + 1) log('warning', 'more was said within a minute than is written down.');
  };
}
