/** From dates to where they are on the time line, in percent from its left end; one for the whole page, so that rows can be compared. */
export interface Scale {
  readonly from: Date;
  readonly to: Date;
  readonly ticks: readonly Tick[];
  at(date: Date): number;
}

export interface Tick {
  readonly date: Date;
  readonly label: string;
  /** Every other one: what a narrow screen shows. */
  readonly major: boolean;
}

const dayMs = 86_400_000;
/** What lies ahead, days; behind today a fifth of the line. */
const horizons = [92, 184, 366, 732, 1830, 3660, 7320] as const;
const behind = 0.2;
/** So many of the moments have to be on it: a CA that ends in twenty years must not make all others a dot. */
const share = 0.8;

/** The shortest time line that shows what is to come: `moments` are the planned renewals or, where there is none, the ends. */
export function scaleFor(now: Date, moments: readonly Date[]): Scale {
  const ahead = moments.map((moment) => (moment.getTime() - now.getTime()) / dayMs).sort((a, b) => a - b);
  const wanted = ahead[Math.ceil(ahead.length * share) - 1] ?? 366;
  const days = horizons.find((horizon) => horizon * 0.95 >= wanted) ?? 7320;
  const from = new Date(now.getTime() - (days * dayMs * behind) / (1 - behind));
  const to = new Date(now.getTime() + days * dayMs);
  const whole = to.getTime() - from.getTime();
  return { from, to, ticks: ticksBetween(from, to, days), at: (date) => ((date.getTime() - from.getTime()) / whole) * 100 };
}

function ticksBetween(from: Date, to: Date, days: number): Tick[] {
  const months = days <= 184 ? 1 : days <= 366 ? 2 : days <= 732 ? 3 : days <= 1830 ? 12 : days <= 3660 ? 24 : 60;
  const ticks: Tick[] = [];
  const first = from.getUTCFullYear() * 12;
  for (let month = first - (first % months); ; month += months) {
    const date = new Date(Date.UTC(0, month));
    date.setUTCFullYear(Math.floor(month / 12), month % 12, 1);
    if (date >= to) return ticks;
    if (date > from) ticks.push({ date, label: labelOf(date, months), major: (month / months) % 2 === 0 });
  }
}

function labelOf(date: Date, months: number): string {
  const year = String(date.getUTCFullYear());
  if (months >= 12) return year;
  return date.getUTCMonth() === 0 ? year : date.toLocaleString('en-US', { month: 'short', timeZone: 'UTC' });
}
