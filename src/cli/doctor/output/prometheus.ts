import type { Result } from '../../../doctor/run.js';
import { countOf, severities, worstOf } from '../../../doctor/severity.js';

/** Text exposition, for node_exporter's textfile collector; `at` and `seconds` are those of the whole run. */
export async function prometheusText(
  results: readonly Result[],
  { at, seconds }: { readonly at: Date; readonly seconds: number },
): Promise<string> {
  const { Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `hsmonger_doctor_${name}`, help, labelNames, registers: [registry] });
  const findings = gauge('findings', 'Findings of the last run of hsmonger doctor, by severity.', ['instance', 'severity']);
  const states = gauge('check_state', 'The worst finding of a check: 0 success, 1 warning, 2 error, 3 critical.', [
    'instance',
    'source',
    'check',
  ]);
  for (const [instance, own] of grouped(results, ({ instance }) => instance)) {
    for (const severity of severities) findings.set({ instance, severity }, countOf(own)[severity]);
    for (const [, ofCheck] of grouped(own, ({ source, check }) => `${source}.${check}`)) {
      const [first] = ofCheck;
      if (first !== undefined) states.set({ instance, source: first.source, check: first.check }, severities.indexOf(worstOf(ofCheck)));
    }
  }
  gauge('duration_seconds', 'How long the last run of hsmonger doctor took.', []).set(seconds);
  gauge('last_run_timestamp_seconds', 'When the last run of hsmonger doctor began.', []).set(Math.floor(at.getTime() / 1000));
  return registry.metrics();
}

function grouped<T>(values: readonly T[], by: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(by(value), [...(groups.get(by(value)) ?? []), value]);
  return groups;
}
