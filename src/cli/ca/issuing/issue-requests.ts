import type { InstanceSite } from '../../../config/instance.js';
import { askService } from '../../../service/ask.js';
import type { Progress } from '../../../service/order.js';
import type { Issued, OrderInput } from '../../../service/tasks/ca/issue-certificates.js';
import { certificateToPem } from '../../../x509/pem.js';
import type { Surroundings } from '../../command.js';
import { progressLine } from '../../output.js';
import type { Job, Unread } from './issue-files.js';
import { keepAll, tell, type Report } from './issue-report.js';
import { portionsOf } from './portions.js';

/** Certificates for requests in files, each written as soon as it is in the ledger. */
export async function issueRequests(
  place: InstanceSite,
  order: OrderInput,
  jobs: readonly Job[],
  unread: readonly Unread[],
  options: { readonly chain: boolean; readonly json: boolean },
  { io, signal }: Surroundings,
): Promise<number> {
  const line = progressLine(io);
  const reports: Report[] = unread.map(({ name, problem }) => ({ name, problem }));
  let before = 0;
  for (const some of portionsOf(jobs)) {
    const from = before;
    before += some.length;
    const files = new Map(some.map(({ name, file }) => [name, file]));
    const kept = new Map<string, Report>();
    const take = ({ results, chain }: Issued) => {
      const above = options.chain ? chain.map(certificateToPem).join('') : '';
      for (const report of keepAll(
        results.filter(({ name }) => !kept.has(name)),
        files,
        above,
      ))
        kept.set(report.name, report);
    };
    // What is in the ledger is in its file, too, should the rest never come.
    const onProgress = ({ done, part }: Progress) => {
      line.show(`${String(from + done)} of ${String(jobs.length)} certificates`);
      if (part !== undefined) take(part as Issued);
    };
    const answer = await askService(
      place,
      'issue certificates',
      { ...order, requests: some.map(({ name, csr }) => ({ name, csr })) },
      { onProgress, signal },
    );
    line.clear();
    take(answer);
    reports.push(...some.flatMap(({ name }) => kept.get(name) ?? []));
  }
  return tell(reports, options, jobs.length + unread.length, io);
}
