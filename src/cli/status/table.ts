import { columns, harmless, painted, type Cell } from '../output.js';
import type { StatusRow } from './rows.js';

/** What `status` found out in one look. */
export interface StatusReport {
  readonly instance: string;
  readonly at: Date;
  readonly rows: readonly StatusRow[];
  /** Parts that could not be asked, as sentences. */
  readonly troubles: readonly string[];
}

const header = ['NICKNAME', 'TOKEN', 'STATE', 'DAYS LEFT', 'NEXT RENEWAL', 'PROBLEM'];

/** Whether somebody should look (exit 3). */
export function needsAttention({ rows, troubles }: StatusReport): boolean {
  return troubles.length > 0 || rows.some(({ problem }) => problem !== undefined);
}

export function statusTable({ rows, troubles, at }: StatusReport, colour: boolean): string {
  const table = columns(
    header,
    rows.map((row) => cells(row, at)),
    colour,
  );
  return table + troubles.map((trouble) => `${painted({ text: harmless(trouble), style: 'yellow' }, colour)}\n`).join('');
}

function cells({ nickname, token, state, daysLeft, nextRenewal, problem }: StatusRow, at: Date): Cell[] {
  return [
    { text: nickname },
    { text: token },
    { text: state, ...(state === 'MONITORING' ? { style: 'green' as const } : { style: 'yellow' as const }) },
    {
      text: daysLeft === undefined ? '?' : daysLeft < 0 ? `${String(daysLeft)} (expired)` : String(daysLeft),
      ...(daysLeft !== undefined && daysLeft < 7 ? { style: 'red' as const } : {}),
    },
    { text: nextRenewal === undefined ? '-' : nextRenewal <= at ? 'now' : nextRenewal.toISOString().slice(0, 10) },
    { text: problem ?? '', style: 'red' },
  ];
}
