import { run } from '../platform/run.js';
import type { TimeText } from './listing.js';

/**
 * Times in this machine's zone with the zone's abbreviation, as getcert has them from strftime's %Z. JavaScript knows no such
 * abbreviations for most zones, so date(1) is asked, once for all.
 */
export async function localTimes(
  times: readonly (Date | undefined)[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<TimeText> {
  const seconds = [...new Set(times.flatMap((time) => (time === undefined ? [] : [secondsOf(time)])))];
  if (seconds.length === 0) return String;
  const { stdout } = await run('date', ['-f', '-', '+%Y-%m-%d %H:%M:%S %Z'], {
    input: seconds.map((second) => `@${String(second)}\n`).join(''),
    env: { LC_ALL: 'C', ...(env['TZ'] === undefined ? {} : { TZ: env['TZ'] }) },
  });
  const texts = new Map(
    stdout
      .trimEnd()
      .split('\n')
      .map((text, index) => [seconds[index], text]),
  );
  return (time) => texts.get(secondsOf(time)) ?? time.toISOString();
}

function secondsOf(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
