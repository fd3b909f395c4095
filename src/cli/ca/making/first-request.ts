import { HsmongerError } from '../../../errors.js';
import { askService } from '../../../service/ask.js';
import { assertNoClashes } from '../../../tracking/neighbours.js';
import type { Surroundings } from '../../command.js';
import { directoriesOf } from '../../global-options.js';
import { harmless, json } from '../../output.js';
import { draftOf } from './draft.js';
import { assertUsableToken, layGround } from './ground.js';
import { keyWish, ownOrder } from './own-order.js';
import type { OwnCaOptions } from './own-options.js';
import { keyLine, keyWarnings } from './told.js';
import { writeNew } from '../../write-file.js';

const command = 'ca csr';

/**
 * The request for a CA that has no certificate yet, for a CA elsewhere to sign: key, request, instance file and NSS database, each made
 * once.
 */
export async function firstRequest(
  options: OwnCaOptions & { readonly out: string | undefined },
  { io, env }: Surroundings,
): Promise<number> {
  const draft = await draftOf(options, directoriesOf(options, env), { command, lifetimeDays: options.days, tracksItself: true });
  const { instance } = draft;
  const nickname = instance.issuer.certificate;
  const order = ownOrder(options);
  const wish = keyWish(options, nickname);
  await assertUsableToken(draft);
  await assertNoClashes(draft, { nickname, subject: order?.subject, ca: true });
  const request = await askService(draft, 'request CA certificate', {
    ...(wish === undefined ? {} : { wish }),
    ...(order === undefined ? {} : { order }),
  });
  if (request.state === 'there')
    throw new HsmongerError(
      'USAGE',
      `'${nickname}' has a certificate already; 'hsmonger ca csr --instance ${instance.name}', without --subject and key, writes the request for the next one.`,
    );
  if (options.out !== undefined) writeNew(options.out, request.pem);
  const done = [...(request.keyFacts.made ? [`made the ${keyLine(request.keyFacts)}`] : []), ...(await layGround(draft))];
  for (const line of [...done, ...keyWarnings(request.keyFacts, instance.name)]) io.err(`hsmonger: ${harmless(line)}\n`);
  const { pem, subject, key } = request;
  if (options.json) io.out(json({ nickname, subject, key, pem, done, ...(options.out === undefined ? {} : { file: options.out }) }));
  else
    io.out(
      options.out === undefined
        ? pem
        : `${harmless(options.out)}: request for ${harmless(subject)}, key ${key.slice(0, 16)}; have it signed, then run 'hsmonger ca import --instance ${instance.name}' with what comes back.\n`,
    );
  return 0;
}
