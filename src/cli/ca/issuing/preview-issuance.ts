import type { InstanceSite } from '../../../config/instance.js';
import { askService } from '../../../service/ask.js';
import type { TaskOutput } from '../../../service/tasks.js';
import type { OrderInput } from '../../../service/tasks/ca/issue-certificates.js';
import type { NamedRequest } from '../../../issuer/token/issuance/results.js';
import { usageText } from '../../../x509/extensions/usage-text.js';
import type { Surroundings } from '../../command.js';
import { harmless, json } from '../../output.js';
import type { Unread } from './issue-files.js';
import { portionsOf } from './portions.js';
import { tellWithheld } from './tell-withheld.js';

/** What would be issued, without a PIN and without a trace. */
export async function previewIssuance(
  place: InstanceSite,
  order: OrderInput,
  requests: readonly NamedRequest[],
  unread: readonly Unread[],
  options: { readonly json: boolean },
  { io }: Surroundings,
): Promise<number> {
  const previews: (Unread | TaskOutput<'preview issuance'>[number])[] = [...unread];
  for (const portion of portionsOf(requests))
    previews.push(
      ...(await askService(place, 'preview issuance', { ...order, requests: portion.map(({ name, csr }) => ({ name, csr })) })),
    );
  const told = previews.map((preview) =>
    'problem' in preview || preview.withheld === undefined ? preview : { ...preview, withheld: preview.withheld.map(usageText) },
  );
  tellWithheld(told, io);
  if (options.json) io.out(json(told));
  else {
    for (const preview of previews) {
      if ('problem' in preview) io.err(`${harmless(preview.name)}: ${harmless(preview.problem.message)}\n`);
      else
        io.out(
          `${harmless(preview.name)}: ${harmless(preview.subject)}${preview.names.length === 0 ? '' : ` (${harmless(preview.names.join(', '))})`}, profile ${preview.profile}, ${preview.notBefore.toISOString().slice(0, 10)} to ${preview.notAfter.toISOString().slice(0, 10)}${preview.before ? ', issued before' : ''}\n`,
        );
    }
  }
  return previews.some((preview) => 'problem' in preview) ? 1 : 0;
}
