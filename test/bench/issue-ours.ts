/** npx tsx test/bench/issue-ours.ts [--count N] [--sessions N] [--rounds N] [--only rsa:2048]: certificates a second from each kind of CA key. */
import { parseArgs } from 'node:util';
import { privateDirectory } from '../rig/directory.js';
import { makeOurCa, makeRequests } from './issue/ours.js';

const { values } = parseArgs({ options: { count: { type: 'string', default: '1000' }, sessions: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' }, only: { type: 'string' } } });
const directory = privateDirectory('issue-bench');
try {
  const requests = makeRequests(Number(values.count));
  for (const type of ['rsa:2048', 'rsa:4096', 'P-256'].filter((one) => values.only === undefined || values.only === one)) {
    const ca = await makeOurCa(directory.path, type);
    const rates: number[] = [];
    for (let round = 0; round < Number(values.rounds); round++) rates.push(await ca.rate(type === 'rsa:4096' ? requests.slice(0, Math.ceil(requests.length / 4)) : requests, Number(values.sessions)));
    process.stdout.write(`${type}, ${values.sessions} session(s): ${rates.map((rate) => rate.toFixed(0)).join(', ')} certificates/s\n`);
    if (process.env['KEEP'] !== undefined) process.stdout.write(`${ca.token.module} ${ca.token.label} ${ca.token.pinFile} ${ca.keyId} ${ca.token.confFile}\n`);
  }
} finally {
  if (process.env['KEEP'] === undefined) directory.remove();
}
