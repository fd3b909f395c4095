/** One line of the result, as `--json` writes it. */
export interface Row {
  readonly name: string;
  readonly unit: 'ms' | '%' | 'MB';
  /** Medians of all rounds. */
  readonly ours: number;
  readonly peer: number;
  /** Of the medians: ours / peer where `target` says "<=", peer / ours (how many times faster we are) where it says ">=". */
  readonly ratio: number;
  /** '<= 1.3' or '>= 10'; null where the peer is there for the reader only. */
  readonly target: string | null;
  /** Whether both the ratio of the medians and that of the minimums meet the target; true where there is none. */
  readonly holds: boolean;
}

/** Milliseconds over all rounds. */
export interface Summary {
  readonly minimum: number;
  readonly median: number;
}

export type Target = { readonly atMost: number } | { readonly timesFaster: number } | 'none';

/** A row with what the table shows beside it. */
export interface Comparison {
  readonly row: Row;
  readonly ours: Summary;
  readonly peer: Summary;
  /** The ratio of the minimums, the same way round as the row's. */
  readonly ratioOfMinimums: number;
}

export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { minimum: sorted[0]!, median };
}

/** Two programs one after another: the sum of the minimums, not the minimum of the sums, so the peer is taken at its best. */
export function inSequence(first: Summary, second: Summary): Summary {
  return { minimum: first.minimum + second.minimum, median: first.median + second.median };
}

/** One figure of ours against a limit, once measured: there is no peer. */
export function limit(name: string, unit: '%' | 'MB', ours: number, most: number): Comparison {
  const summary = { minimum: ours, median: ours };
  const peer = { minimum: most, median: most };
  return {
    row: { name: `${name}, ${unit}`, unit, ours: round(ours), peer: most, ratio: round(ours / most), target: '<= 1', holds: ours <= most },
    ours: summary,
    peer,
    ratioOfMinimums: ours / most,
  };
}

/** Without what is there in every run of it: the difference of the minimums, and of the medians. */
export function less(whole: Summary, part: Summary): Summary {
  return { minimum: whole.minimum - part.minimum, median: whole.median - part.median };
}

export function compare(name: string, target: Target, ours: Summary, peer: Summary): Comparison {
  const faster = typeof target === 'object' && 'timesFaster' in target;
  const ratioOf = (figure: keyof Summary) => (faster ? peer[figure] / ours[figure] : ours[figure] / peer[figure]);
  const meets = (ratio: number) => target === 'none' || ('atMost' in target ? ratio <= target.atMost : ratio >= target.timesFaster);
  const [median, minimum] = [ratioOf('median'), ratioOf('minimum')];
  return {
    row: {
      name,
      unit: 'ms',
      ours: round(ours.median),
      peer: round(peer.median),
      ratio: round(median),
      target: spelt(target),
      holds: meets(median) && meets(minimum),
    },
    ours,
    peer,
    ratioOfMinimums: minimum,
  };
}

function spelt(target: Target): string | null {
  if (target === 'none') return null;
  return 'atMost' in target ? `<= ${String(target.atMost)}` : `>= ${String(target.timesFaster)}`;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
