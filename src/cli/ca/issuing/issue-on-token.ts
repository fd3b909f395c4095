import type { InstanceSite } from '../../../config/instance.js';
import { HsmongerError } from '../../../errors.js';
import { askService } from '../../../service/ask.js';
import type { OrderInput } from '../../../service/tasks/ca/issue-certificates.js';
import { assertNoClashes } from '../../../tracking/neighbours.js';
import { nameText } from '../../../x509/names/name.js';
import { parseCertificate } from '../../../x509/parse-certificate.js';
import { certificateToPem } from '../../../x509/pem.js';
import type { Surroundings } from '../../command.js';
import { harmless, json } from '../../output.js';
import { writeNew } from '../../write-file.js';
import { inLedger } from './issue-files.js';
import { issuedSubject } from './issued-subject.js';

interface OnTokenOptions {
  readonly nickname: string;
  readonly keyType: string | undefined;
  readonly key: string | undefined;
  readonly out: string | undefined;
  readonly chain: boolean;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** A certificate for a key on the token, stored beside it, where certmonger can take it over. */
export async function issueOnToken(
  place: InstanceSite,
  order: OrderInput,
  { nickname, keyType, key, out, chain: withChain, dryRun, json: asJson }: OnTokenOptions,
  { io }: Surroundings,
): Promise<number> {
  const { subject } = order;
  if (subject === undefined) throw new HsmongerError('USAGE', 'With --nickname goes --subject: there is no request that says it.');
  if (dryRun) throw new HsmongerError('USAGE', '--dry-run shows what a request would get; with --nickname there is none yet.');
  await assertNoClashes(place, { nickname, subject: await issuedSubject(place, subject), ca: order.profile === 'caCACert' });
  const source =
    keyType === undefined
      ? ({ kind: 'present', selector: { by: 'name', name: key ?? nickname } } as const)
      : ({ kind: 'new', type: keyType } as const);
  const made = await askService(place, 'issue on token', { ...order, subject, nickname, key: source });
  const { serial, subject: name, notAfter } = parseCertificate(made.certificate);
  const facts = {
    nickname,
    serial: Buffer.from(serial).toString('hex'),
    subject: nameText(name),
    notAfter,
    before: made.before,
    key: made.key,
    stored: made.stored,
  };
  if (out !== undefined) writeNew(out, [made.certificate, ...(withChain ? made.chain : [])].map(certificateToPem).join(''), inLedger);
  if (asJson) io.out(json({ ...facts, ...(out === undefined ? {} : { file: out }) }));
  else
    io.out(
      `${harmless(nickname)}: ${harmless(facts.subject)}, serial ${facts.serial}, expires ${notAfter.toISOString().slice(0, 10)}; key ${made.key}, certificate ${made.stored === 'stored' ? 'stored on the token' : 'on the token already'}\n`,
    );
  return 0;
}
