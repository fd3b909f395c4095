import type { Instance, InstanceSite } from '../../config/instance.js';
import { loadInstance } from '../../config/load.js';
import { tokenOf } from '../../config/token-of.js';
import { HsmongerError } from '../../errors.js';
import { hex } from '../../platform/hex.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { askService } from '../../service/ask.js';
import { assertNoClashes } from '../../tracking/neighbours.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import { signedBy } from '../../x509/path.js';
import { standInRequest } from '../../x509/stand-in-request.js';
import type { AddCommand, Surroundings } from '../command.js';
import { directoriesOf } from '../global-options.js';
import { harmless, json } from '../output.js';
import { assertAsMade } from './making/as-made.js';
import { draftOf, type DraftRest } from './making/draft.js';
import { assertUsableToken, layGround } from './making/ground.js';
import { issuedSubject } from './issuing/issued-subject.js';
import { keyWish, ownOrder, type OwnOrder } from './making/own-order.js';
import { withOwnCaOptions, type OwnCaOptions } from './making/own-options.js';
import { assertEnlistable, assertReaches, enlistment, sameToken } from './making/renewer.js';
import { caLine, keyLine, keyUrl, keyWarnings, toldCa } from './making/told.js';

const command = 'ca init-intermediate';

interface IntermediateOptions extends OwnCaOptions {
  readonly issuer: string;
}

/**
 * A CA below another of this host: its key on that one's token or another, its certificate issued there and stored, its renewal in the
 * hands of the CA above. Each step is one that is there already when it is done again, so a run that was killed is finished by the next.
 */
export const addInitIntermediate: AddCommand = (yargs, run) =>
  yargs.command(
    'init-intermediate',
    'Make a CA below another of this host, on its token or another; run again it changes nothing',
    (ca) =>
      withOwnCaOptions(ca)
        .option('issuer', { type: 'string', requiresArg: true, demandOption: true, describe: 'Instance of the CA above' })
        .example(
          "hsmonger ca init-intermediate --instance intermediate --issuer root --subject 'CN=My Company Intermediate CA,O=My Company,C=US' --key-type EC:secp384r1",
          '',
        ),
    run(initIntermediate),
  );

async function initIntermediate(options: IntermediateOptions, { io, env }: Surroundings): Promise<number> {
  const directories = directoriesOf(options, env);
  if (options.issuer === options.instance)
    throw new HsmongerError(
      'USAGE',
      `'${options.instance}' cannot issue its own certificate here; name the CA above with --issuer, or make a root with 'hsmonger ca init-root'.`,
    );
  const above: InstanceSite = { directories, instance: loadInstance(directories, options.issuer) };
  if (above.instance.issuer.type !== 'token')
    throw new HsmongerError(
      'USAGE',
      `--issuer ${options.issuer} is no CA on a token: issuer.type is "${above.instance.issuer.type}"; have its request ('hsmonger ca csr') signed there.`,
    );
  const { description: token } = await askService(above, 'inspect token', { keys: false });
  const draft = await draftOf(options, directories, { command, otherwise: otherwiseOf(above.instance, token), tracksItself: false });
  const { instance } = draft;
  const nickname = instance.issuer.certificate;
  const asked = ownOrder(options);
  const order = asked === undefined ? undefined : { pathLength: 0, ...asked, subject: await issuedSubject(above, asked.subject) };
  const wish = keyWish(options, nickname);
  const own = await assertUsableToken(draft);
  const same = sameToken({ config: tokenOf(instance), is: own }, { config: tokenOf(above.instance), is: token });
  const enlisting = enlistment(above.instance, instance, { nickname, days: options.days }, same ? 'same' : { label: own.label });
  if (enlisting !== undefined && !same) await assertReaches(directories, enlisting.instance, instance);

  assertEnlistable(above.instance, instance, nickname, same);
  await assertNoClashes(draft, { nickname, subject: order?.subject, renewer: above.instance.name, ca: true });
  // A key stays on its token for good: what the CA above would refuse is found before one is made.
  if (order !== undefined && draft.text !== undefined) await assertIssuedBy(above, order, options.days);
  const request = await askService(draft, 'request CA certificate', {
    ...(wish === undefined ? {} : { wish }),
    ...(order === undefined ? {} : { order }),
  });
  const chain = (await askService(above, 'read CA chain', undefined)).certificates;
  const certificate =
    request.state === 'there'
      ? await issuedAbove(request.certificate, chain, above)
      : await issued(above, request.csr, order, options.days);
  assertAsMade(options, certificate);
  const stored = await askService(draft, 'store CA certificate', {
    certificate,
    above: chain,
    issuerNickname: above.instance.issuer.certificate,
  });

  const told = toldCa(nickname, stored);
  const uri = keyUrl(own, stored.key);
  const done = [
    ...(request.state === 'wanted' && request.keyFacts.made ? [`made the ${keyLine(request.keyFacts)}`] : []),
    ...(stored.there ? [] : [`made the CA ${caLine(told)}`]),
    ...stored.beside.map((label) => `stored the certificate '${label}' above it on token '${own.label}'`),
    ...(await layGround(draft)),
    ...(enlisting === undefined ? [] : [await enlisting.write()]),
  ];
  for (const warning of keyWarnings(stored.key, instance.name)) io.err(`hsmonger: ${harmless(warning)}\n`);
  if (options.json)
    io.out(
      json({
        instance: instance.name,
        file: instance.file,
        changed: done.length > 0,
        done,
        certificate: { ...told, key: { ...told.key, uri } },
      }),
    );
  else if (done.length === 0) io.out(`The CA ${harmless(caLine(told))}, is there already; nothing was changed.\n`);
  else
    io.out(
      `${done.map((line) => `${harmless(line)}\n`).join('')}URL of the key: ${uri}\nNext: hsmonger setup --instance ${above.instance.name} --yes, which has its certificate renewed, and hsmonger setup --instance ${instance.name} --yes\n`,
    );
  return 0;
}

/** What is not said about the new CA's token is as it is for the one above. */
function otherwiseOf(instance: Instance, { label }: TokenDescription): NonNullable<DraftRest['otherwise']> {
  const { module, environment, parameters, pin } = tokenOf(instance);
  return { user: instance.user, token: { label, module, environment, parameters, ...(pin.from === 'file' ? { pinFile: pin.path } : {}) } };
}

async function assertIssuedBy(above: InstanceSite, order: OwnOrder, days: number | undefined): Promise<void> {
  const [preview] = await askService(above, 'preview issuance', {
    requests: [{ name: 'the request', csr: standInRequest(order.subject) }],
    ...orderAbove(order, days),
  });
  if (preview !== undefined && 'problem' in preview) throw new HsmongerError(preview.problem.code, preview.problem.message);
}

async function issued(above: InstanceSite, csr: Uint8Array, order: OwnOrder | undefined, days: number | undefined): Promise<Uint8Array> {
  const {
    results: [answer],
  } = await askService(above, 'issue certificates', { requests: [{ name: 'the request', csr }], ...orderAbove(order, days) });
  if (answer === undefined)
    throw new HsmongerError('INTERNAL', `'${above.instance.name}' was asked for a certificate and gave no answer about it.`);
  if ('problem' in answer) throw new HsmongerError(answer.problem.code, answer.problem.message);
  return answer.certificate;
}

function orderAbove({ pathLength, nameConstraints }: Partial<OwnOrder> = {}, days: number | undefined) {
  return {
    profile: 'caCACert',
    ...(days === undefined ? {} : { days }),
    ...(pathLength === undefined ? {} : { pathLength }),
    ...(nameConstraints === undefined ? {} : { nameConstraints }),
  };
}

/** One that is there must be the one this CA is responsible for, and stand by. */
async function issuedAbove(der: Uint8Array, [authority]: readonly Uint8Array[], above: InstanceSite): Promise<Uint8Array> {
  const certificate = parseCertificate(der);
  const { name } = above.instance;
  if (authority === undefined || !signedBy(certificate, parseCertificate(authority).spki)) {
    throw new HsmongerError(
      'PROFILE_MISMATCH',
      `The certificate of ${nameText(certificate.subject)} that is on the token was issued by ${nameText(certificate.issuer)}, not by '${name}'; name its CA with --issuer, or choose another --nickname.`,
    );
  }
  const revoked = await askService(above, 'is revoked', { certificate: der });
  if (revoked !== undefined)
    throw new HsmongerError(
      'REVOCATION_REFUSED',
      `The certificate of ${nameText(certificate.subject)} that is on the token was revoked by '${name}' at ${revoked.at.toISOString()} (${revoked.reason}); ${revoked.reason === 'certificateHold' ? `'hsmonger ca unrevoke ${hex(certificate.serial)} --instance ${name}' ends the hold` : 'make another CA, under another subject and --nickname'}.`,
    );
  return der;
}
