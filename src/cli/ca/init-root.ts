import { askService } from '../../service/ask.js';
import { assertNoClashes } from '../../tracking/neighbours.js';
import type { AddCommand, Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { harmless, json } from '../output.js';
import { assertAsMade } from './making/as-made.js';
import { draftOf } from './making/draft.js';
import { assertUsableToken, layGround } from './making/ground.js';
import { keyWish, ownOrder } from './making/own-order.js';
import { withOwnCaOptions, type OwnCaOptions } from './making/own-options.js';
import { caLine, keyLine, keyUrl, keyWarnings, toldCa } from './making/told.js';

const command = 'ca init-root';
/** Dogtag's, for a CA: caCACert.cfg. */
const defaultDays = 7305;

/**
 * From a token, or an existing key on it, to a root whose renewal `setup` can hand over; run again it finishes what is missing, or changes
 * nothing.
 */
export const addInitRoot: AddCommand = (yargs, run) =>
  yargs.command(
    'init-root',
    'Make a root: key on the token, self-signed certificate, instance file; run again it changes nothing',
    (ca) =>
      withOwnCaOptions(ca).example(
        "hsmonger ca init-root --instance root --module /usr/lib/softhsm/libsofthsm2.so --token pki --pin-file /etc/hsmonger/pki.pin --subject 'CN=My Company Root CA,O=My Company,C=US' --key-type EC:secp384r1",
        '',
      ),
    run(initRoot),
  );

async function initRoot(options: OwnCaOptions, { io, env }: Surroundings): Promise<number> {
  const draft = await draftOf(options, directoriesOf(options, env), { command, lifetimeDays: options.days, tracksItself: true });
  const { instance } = draft;
  const { issuer, name } = instance;
  const order = ownOrder(options);
  const wish = keyWish(options, issuer.certificate);
  const token = await assertUsableToken(draft);
  await assertNoClashes(draft, { nickname: issuer.certificate, subject: order?.subject, ca: true });
  const days = options.days ?? (issuer.type === 'token' ? issuer.lifetimeDays['caCACert'] : undefined) ?? defaultDays;
  const made = await askService(draft, 'make root', {
    ...(order === undefined ? {} : { order: { ...order, days } }),
    ...(wish === undefined ? {} : { wish }),
  });
  assertAsMade(options, made.certificate);
  const told = toldCa(issuer.certificate, made);
  const uri = keyUrl(token, made.key);
  const done = [
    ...(made.key.made ? [`made the ${keyLine(made.key)}`] : []),
    ...(made.there ? [] : [`made the root ${caLine(told)}`]),
    ...(await layGround(draft)),
  ];
  for (const warning of keyWarnings(made.key, name)) io.err(`hsmonger: ${harmless(warning)}\n`);
  if (options.json)
    io.out(
      json({ instance: name, file: instance.file, changed: done.length > 0, done, certificate: { ...told, key: { ...told.key, uri } } }),
    );
  else if (done.length === 0) io.out(`The root ${harmless(caLine(told))}, is there already; nothing was changed.\n`);
  else
    io.out(`${done.map((line) => `${harmless(line)}\n`).join('')}URL of the key: ${uri}\nNext: hsmonger setup --instance ${name} --yes\n`);
  return 0;
}
