import type { InstanceSite, IssuerConfig, TokenIssuerConfig } from '../../config/instance.js';
import { askService } from '../../service/ask.js';
import { certificateFromPem } from '../../x509/pem.js';
import type { Io } from '../io.js';
import { json } from '../output.js';
import type { Order } from '../../tracking/renewal-order.js';
import { dryRunText, type DryRun } from './report.js';

/** Tells what would be sent and what would come of it; changes nothing. 1 when something would be refused. */
export async function dryRun(
  place: InstanceSite,
  orders: readonly Order[],
  options: { readonly json: boolean },
  io: Pick<Io, 'out'>,
): Promise<number> {
  const issues = await issuesOf(place, orders);
  const runs = orders.flatMap(({ config, request, keyType, keySize }, index): DryRun[] => {
    const issue = issues[index];
    return issue === undefined
      ? []
      : [
          {
            nickname: config.nickname,
            send: {
              request: request.nickname,
              ca: place.instance.name,
              profile: request.template.profile ?? config.profile,
              keyType,
              keySize,
            },
            issue,
          },
        ];
  });
  io.out(options.json ? json(runs) : runs.map(dryRunText).join(''));
  return runs.every(({ issue }) => issue.ok !== false) ? 0 : 1;
}

/** What would come of each order, as far as anybody can know before. */
async function issuesOf(place: InstanceSite, orders: readonly Order[]): Promise<DryRun['issue'][]> {
  const { issuer } = place.instance;
  if (issuer.type !== 'token') return orders.map(({ config: { nickname } }) => ({ nickname, ok: 'unknown', message: unknowable(issuer) }));
  const certificates = orders.map(({ config: { nickname, storage }, request: { certificate } }) => ({
    nickname,
    ...(storage.kind === 'token' || certificate.pem === undefined ? {} : { certificate: certificateFromPem(certificate.pem) }),
  }));
  return askService(place, 'preview renewals', { certificates });
}

/** Another CA decides for itself what it issues. */
function unknowable(issuer: Exclude<IssuerConfig, TokenIssuerConfig>): string {
  switch (issuer.type) {
    case 'dogtag':
      return `What ${issuer.url} would issue is its own to decide and cannot be shown before it is asked.`;
    case 'directory':
      return 'What the renewal master publishes is taken when it is there; what it will be cannot be shown before.';
    case 'external':
      return "What the CA outside signs arrives with 'hsmonger ca import' and cannot be shown before.";
  }
}
