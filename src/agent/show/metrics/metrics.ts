import { Counter, Gauge, Registry } from 'prom-client';
import type { AgentSnapshot } from '../../report/snapshot.js';
import { certificateFamilies } from './certificates.js';
import { certmongerFamilies } from './certmonger.js';
import type { Family } from './family.js';
import { healthFamilies } from './health.js';

/** Of what metricsOf gives. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * All metrics in Prometheus' text format; docs/metrics.md lists them. A registry for each rendering: what is no longer there is not shown
 * any more.
 */
export async function metricsOf(snapshot: AgentSnapshot): Promise<string> {
  const registry = new Registry();
  for (const family of [...healthFamilies(snapshot), ...certificateFamilies(snapshot), ...certmongerFamilies(snapshot)])
    register(registry, family);
  return registry.metrics();
}

function register(registry: Registry, { name, help, type, labels, samples }: Family): void {
  const configuration = { name, help, labelNames: [...labels], registers: [registry] };
  const named = (values: readonly string[]) => Object.fromEntries(labels.map((label, index) => [label, values[index] ?? '']));
  switch (type) {
    case 'gauge': {
      const gauge = new Gauge(configuration);
      for (const sample of samples) gauge.set(named(sample.labels), sample.value);
      return;
    }
    case 'counter': {
      const counter = new Counter(configuration);
      for (const sample of samples) counter.inc(named(sample.labels), sample.value);
      return;
    }
  }
}
