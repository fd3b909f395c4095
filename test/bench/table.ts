import type { Comparison } from './row.js';

const heads = ['', 'ours min', 'median', 'peer min', 'median', 'ratio min', 'median', 'target', 'holds'];

/** Plain columns; milliseconds. */
export function table(comparisons: readonly Comparison[]): string {
  const lines = comparisons.map(({ row, ours, peer, ratioOfMinimums }) => [
    row.name,
    ...[ours.minimum, ours.median, peer.minimum, peer.median].map((value) => value.toFixed(1)),
    ratioOfMinimums.toFixed(2),
    row.ratio.toFixed(2),
    row.target ?? '-',
    row.target === null ? '-' : row.holds ? 'yes' : 'NO',
  ]);
  const widths = heads.map((_head, column) => Math.max(...[heads, ...lines].map((line) => line[column]!.length)));
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd();
  return [heads, ...lines].map((line) => `${format(line)}\n`).join('');
}
