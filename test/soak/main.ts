/** `npm run soak`: 30 minutes of random faults over 200 requests. Flags: --requests N, --minutes N, --seed N. */
import { parseArgs } from 'node:util';
import { soak, wentWell } from './soak.js';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '200' }, minutes: { type: 'string', default: '30' }, patience: { type: 'string', default: '30' }, seed: { type: 'string', default: String(Date.now() % 100_000) } } });
const report = await soak({ requests: Number(values.requests), minutes: Number(values.minutes), patienceMinutes: Number(values.patience), seed: Number(values.seed), tell: (line) => { console.log(line); } });
console.log(JSON.stringify(report, null, 2));
console.log(wentWell(report) ? 'every certificate is valid and renewed' : 'NOT every certificate is valid and renewed');
process.exit(wentWell(report) ? 0 : 1);
