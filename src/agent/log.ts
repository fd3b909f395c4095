/** sd-daemon(3): the journal reads a line's priority off its front. */
const priorities = { error: 3, warning: 4, info: 6 } as const;

/** Tells the journal, or whoever reads standard error, one line. */
export type Log = (priority: keyof typeof priorities, message: string) => void;

export function logTo(write: (text: string) => void, env: Readonly<Record<string, string | undefined>>): Log {
  const front = (priority: keyof typeof priorities) => (env['JOURNAL_STREAM'] === undefined ? 'hsmonger: ' : `<${String(priorities[priority])}>`);
  return (priority, message) => { write(`${front(priority)}${message}\n`); };
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
