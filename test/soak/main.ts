/**
 * `npm run soak`: 30 minutes of random faults over 200 requests. Flags: --requests N, --minutes N, --patience MINUTES, --seed N, --logs
 * DIRECTORY.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { wentWell } from './report.js';
import { soak } from './soak.js';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '30' },
    patience: { type: 'string', default: '45' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    logs: { type: 'string' },
  },
});
// Whoever ends it leaves nothing running or mounted.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
const { logs } = values;
const report = await soak({
  requests: Number(values.requests),
  minutes: Number(values.minutes),
  patienceMinutes: Number(values.patience),
  seed: Number(values.seed),
  tell: (line) => {
    console.log(line);
  },
  ...(logs === undefined
    ? {}
    : {
        keepLogs: (said) => {
          mkdirSync(logs, { recursive: true });
          for (const [name, text] of Object.entries(said)) writeFileSync(path.join(logs, `${name}.log`), text);
        },
      }),
});
console.log(JSON.stringify(report, null, 2));
console.log(
  wentWell(report) ? 'every certificate is valid and renewed' : 'NOT every certificate is valid and renewed, or something else went wrong',
);
process.exit(wentWell(report) ? 0 : 1);
