/**
 * npm run bench [-- --json FILE] [-- --only identify|submit|issue|listing|agent|retrieve|dogtag]: our speed against a peer's, both measured
 * in this one run. `dogtag` needs its rig, which takes minutes to build: where none is kept from the Dogtag suite it is left out unless
 * asked for. Ends with 1 when a target is missed.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { privateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { isRigCached } from '../rig/dogtag/cache.js';
import { benchAgent } from './agent.js';
import { benchDogtag } from './dogtag.js';
import { benchIdentify } from './identify.js';
import { benchIssue } from './issue/issue.js';
import { benchListing } from './listing.js';
import { benchRetrieve } from './retrieve.js';
import { createSite } from './site.js';
import { benchSubmit } from './submit.js';
import { table } from './table.js';

const rounds = { identify: 60, submit: 30, issue: 5, listing: 3, agent: 3, retrieve: 20, dogtag: 20 } as const;
const requests = 2000;

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string' } } });
const wanted = (name: keyof typeof rounds) => values.only === undefined || values.only === name;
const say = (line: string) => {
  process.stderr.write(`${line}\n`);
};

const directory = privateDirectory('hsmonger-bench');
try {
  const comparisons = [];
  const { path } = directory;
  if (wanted('identify')) comparisons.push(...(await benchIdentify(rounds.identify)));
  if (wanted('agent')) comparisons.push(...(await benchAgent(requests, rounds.agent, say)));
  if (wanted('issue')) comparisons.push(...(await benchIssue(path, ensureServiceUser(), rounds.issue, say)));
  if (wanted('submit') || wanted('listing') || wanted('retrieve')) {
    const site = await createSite(path, ensureServiceUser());
    if (wanted('submit')) comparisons.push(...(await benchSubmit(site, rounds.submit, say)));
    if (wanted('retrieve')) comparisons.push(...(await benchRetrieve(site, rounds.retrieve, say)));
    if (wanted('listing')) comparisons.push(...(await benchListing(site, requests, rounds.listing, say)));
  }
  if (wanted('dogtag')) {
    if (values.only === 'dogtag' || isRigCached({}, ensureServiceUser())) comparisons.push(...(await benchDogtag(path, rounds.dogtag)));
    else say("no row for Dogtag: no rig is kept; '--only dogtag' builds one");
  }
  const [load] = loadavg();
  process.stdout.write(
    `${String(cpus().length)} cores, ${cpus()[0]?.model ?? 'unknown'}, Linux ${release()}, load ${load!.toFixed(1)}; node ${process.versions.node}\n`,
  );
  process.stdout.write(
    `milliseconds for a whole process unless it says otherwise; rounds: ${Object.entries(rounds)
      .map(([name, count]) => `${name} ${String(count)}`)
      .join(', ')}; the subjects take turns within a round\n`,
  );
  process.stdout.write(
    `ratio: ours / peer, or peer / ours where the target is a ">="; a target holds when minimums and medians both meet it; the agent's own figures stand beside their limit\n\n`,
  );
  process.stdout.write(table(comparisons));
  if (values.json !== undefined)
    writeFileSync(
      values.json,
      `${JSON.stringify(
        comparisons.map(({ row }) => row),
        undefined,
        2,
      )}\n`,
    );
  if (comparisons.some(({ row }) => !row.holds)) process.exitCode = 1;
} finally {
  directory.remove();
}
