import type { Instance, InstanceSite } from '../../config/instance.js';
import { HsmongerError } from '../../errors.js';
import { askService } from '../../service/ask.js';
import type { MadeRequest } from '../../service/tasks/ca/make-request.js';
import type { AddCommand, Surroundings } from '../command.js';
import { outFlag } from '../flags.js';
import { instanceOf } from '../global-options.js';
import { harmless, json } from '../output.js';
import { firstRequest } from './making/first-request.js';
import { withOwnCaOptions, type OwnCaOptions } from './making/own-options.js';
import { writeNew } from '../write-file.js';

interface CsrOptions extends OwnCaOptions {
  readonly out: string | undefined;
}

/** `ca csr`: a request for a CA elsewhere. */
export const addCsr: AddCommand = (yargs, run) =>
  yargs.command(
    'csr [nickname]',
    'Write a certificate request for a CA elsewhere, signed on the token with the key of the certificate that is there, or of a CA that has none yet',
    (ca) =>
      withOwnCaOptions(ca)
        .positional('nickname', { type: 'string', describe: "Certificate of the instance [the CA's]" })
        .option('out', outFlag)
        .example('hsmonger ca csr --out ca.csr', 'For the certificate that follows the one that is there')
        .example(
          "hsmonger ca csr --instance sub --module M --token pki --pin-file P --subject 'CN=Sub CA,O=My Company' --key-type P-384 --out sub.csr",
          'For a CA that has none yet',
        ),
    run(csr),
  );

async function csr(options: CsrOptions, surroundings: Surroundings): Promise<number> {
  if (options.subject !== undefined || options.key !== undefined || options.keyType !== undefined)
    return firstRequest(options, surroundings);
  assertNothingElse(options);
  const { io, env } = surroundings;
  const place = instanceOf(options, env);
  const nickname = onToken(place.instance, options.nickname ?? place.instance.issuer.certificate);
  const request = await nextRequest(place, nickname);
  if (options.out !== undefined) writeNew(options.out, request.pem);
  if (options.json) io.out(json({ nickname, ...request, ...(options.out === undefined ? {} : { file: options.out }) }));
  else if (options.out === undefined) io.out(request.pem);
  else
    io.out(
      `${harmless(options.out)}: request for ${harmless(request.subject)}, key ${request.key.slice(0, 16)}; have it signed, then run 'hsmonger ca import' with what comes back.\n`,
    );
  return 0;
}

async function nextRequest(place: InstanceSite, nickname: string): Promise<MadeRequest> {
  try {
    return await askService(place, 'make request', { nickname });
  } catch (error) {
    if (!(error instanceof HsmongerError && error.code === 'CERTIFICATE_NOT_FOUND' && nickname === place.instance.issuer.certificate))
      throw error;
    throw new HsmongerError(
      'CERTIFICATE_NOT_FOUND',
      `${error.message} For the first certificate of a CA, and to have its request written once more, give --subject, and --key or --key-type.`,
      { cause: error },
    );
  }
}

/** What only a CA's first request is told by. */
const ofTheFirst = [
  ...(['module', 'token', 'pinFile', 'user', 'moduleEnv', 'moduleParameters', 'dbdir', 'digest', 'rsaSignature', 'policy'] as const),
  ...(['crlUrl', 'ocspUrl', 'issuerUrl', 'authorityKeyId', 'nsCertType', 'nsComment', 'days', 'pathLength', 'permit', 'exclude'] as const),
];

/** The next request is for what the certificate that is there says. */
function assertNothingElse(options: CsrOptions): void {
  if (ofTheFirst.some((flag) => options[flag] !== undefined))
    throw new HsmongerError(
      'USAGE',
      'Only --instance, the nickname and --out go without --subject: the next request says what the certificate that is there says; for a CA that has none yet give --subject, and --key or --key-type.',
    );
}

/** The nickname, if it is one whose key is on the token. */
function onToken({ file, certificates, issuer }: Instance, nickname: string): string {
  const found = certificates.find((certificate) => certificate.nickname === nickname);
  // The issuer's own certificate need not be tracked here.
  if (found === undefined && nickname !== issuer.certificate)
    throw new HsmongerError(
      'USAGE',
      `${file} has no certificate '${nickname}'; it has ${certificates.map((certificate) => `'${certificate.nickname}'`).join(', ')}.`,
    );
  if (found !== undefined && found.storage.kind !== 'token')
    throw new HsmongerError(
      'USAGE',
      `The key of '${nickname}' is not on the token, so no request can be signed there; make one with certutil -R -k or openssl req -new -key.`,
    );
  return nickname;
}
