/** One metric with all its samples. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly samples: readonly Sample[];
}

/** `labels` in the family's order. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number;
}

/** Prometheus' base unit of time is the second. */
export function seconds(date: Date): number {
  return date.getTime() / 1000;
}

/** A sample where there is a date, none where there is not. */
export function dated(labels: readonly string[], date: Date | undefined): Sample[] {
  return date === undefined ? [] : [{ labels, value: seconds(date) }];
}

export function truth(value: boolean): number {
  return value ? 1 : 0;
}
