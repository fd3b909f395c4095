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
import { keyWarnings } from '../making/told.js';
import { inLedger } from './issue-files.js';
import { issuedSubject } from './issued-subject.js';
import { howToTrack, tokenFor } from './on-which-token.js';

interface OnTokenOptions {
  readonly nickname: string;
  /** As the person named it. */
  readonly token: string | undefined;
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
  { nickname, token, keyType, key, out, chain: withChain, dryRun, json: asJson }: OnTokenOptions,
  { io }: Surroundings,
): Promise<number> {
  const { instance } = place;
  const { subject } = order;
  if (subject === undefined) throw new HsmongerError('USAGE', 'With --nickname goes --subject: there is no request that says it.');
  if (dryRun) throw new HsmongerError('USAGE', '--dry-run shows what a request would get; with --nickname there is none yet.');
  const on = tokenFor(instance, nickname, token);
  await assertNoClashes(place, { nickname, on, subject: await issuedSubject(place, subject), ca: order.profile === 'caCACert' });
  const source =
    keyType === undefined
      ? ({ kind: 'present', selector: { by: 'name', name: key ?? nickname } } as const)
      : ({ kind: 'new', type: keyType } as const);
  const made = await askService(place, 'issue on token', {
    ...order,
    subject,
    nickname,
    key: source,
    ...(on === undefined ? {} : { on }),
  });
  const { serial, subject: name, notAfter } = parseCertificate(made.certificate);
  const facts = {
    nickname,
    ...(on === undefined ? {} : { token: on }),
    serial: Buffer.from(serial).toString('hex'),
    subject: nameText(name),
    notAfter,
    before: made.before,
    key: made.key.made ? 'made' : 'there already',
    stored: made.stored,
  };
  if (out !== undefined) writeNew(out, [made.certificate, ...(withChain ? made.chain : [])].map(certificateToPem).join(''), inLedger);
  if (asJson) io.out(json({ ...facts, ...(out === undefined ? {} : { file: out }) }));
  else {
    const where = on === undefined ? 'the token' : `the token '${harmless(made.token)}'`;
    io.out(
      `${harmless(nickname)}: ${harmless(facts.subject)}, serial ${facts.serial}, expires ${notAfter.toISOString().slice(0, 10)}; key ${facts.key}, certificate ${made.stored === 'stored' ? 'stored on' : 'on'} ${where}${made.stored === 'stored' ? '' : ' already'}\n`,
    );
  }
  for (const warning of keyWarnings(made.key, instance.name, on)) io.err(`hsmonger: ${harmless(warning)}\n`);
  // certmonger takes no Ed25519 key, as was said.
  if (made.key.type !== 'Ed25519') io.err(howToTrack(instance, { nickname, profile: order.profile, days: order.days, on }));
  return 0;
}
