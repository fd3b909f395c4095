import path from 'node:path';
import type { Argv } from 'yargs';
import { revocationReasons } from '../../../config/revocation-reason.js';
import type { Runner } from '../../command.js';
import { nicknameFlag, pathFlag, wholeNumber } from '../../flags.js';
import type { GlobalFlags } from '../../global-options.js';
import { crl } from '../crl.js';
import { exportOpenssl } from '../export-openssl.js';
import { listenAddress, ocsp } from '../ocsp.js';
import { dateOf, reasonOf, revokeCertificate, unrevokeCertificate } from '../revoke.js';

/** `ca revoke`, `unrevoke`, `crl`, `ocsp`, `export-openssl`: what a CA on a token says of what it issued. */
export function withRevocation(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return [withRevoke, withUnrevoke, withCrl, withOcsp, withExport].reduce((more, add) => add(more, run), yargs);
}

const meant = {
  type: 'string',
  demandOption: true,
  describe: 'Serial number in hexadecimal, or the file of the certificate (PEM, DER)',
} as const;

function withRevoke(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'revoke <certificate>',
    'Revoke a certificate this CA issued',
    (ca) =>
      ca
        .positional('certificate', meant)
        .option('reason', {
          type: 'string',
          requiresArg: true,
          default: 'unspecified',
          coerce: reasonOf,
          describe: `${Object.keys(revocationReasons).join(', ')}; removeFromCRL ends a certificateHold`,
        })
        .option('invalidity', {
          type: 'string',
          requiresArg: true,
          coerce: dateOf,
          describe: 'Since when its key is not to be relied on: 2026-03-01 or 2026-03-01T14:30:00Z',
        })
        .example('hsmonger ca revoke 4a7f… --reason keyCompromise --invalidity 2026-03-01', ''),
    run(revokeCertificate),
  );
}

function withUnrevoke(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'unrevoke <certificate>',
    'End the hold of a certificate (revoke --reason certificateHold)',
    (ca) => ca.positional('certificate', meant),
    run(unrevokeCertificate),
  );
}

function withCrl(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'crl',
    'Sign the list of revoked certificates on the token, and publish it in a file',
    (ca) =>
      ca
        .option('out', {
          ...pathFlag,
          describe: 'File to replace: DER, or PEM where it ends in .pem [standard output, PEM]',
        })
        .option('days', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('days', 1, 3650),
          describe: 'Until the next one is due [crl-days of [ca], else 30]',
        })
        .option('above', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "A published CRL of this CA, or a number: the new one's is higher; repeatable",
        })
        .option('pem', { type: 'boolean', describe: 'PEM whatever the file is called; --pem=false for DER' })
        .example('hsmonger ca crl --out /var/www/html/root.crl', ''),
    run(crl),
  );
}

function withOcsp(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'ocsp',
    'Answer OCSP requests, on this host alone, until it is ended',
    (ca) =>
      ca
        .option('listen', {
          type: 'string',
          requiresArg: true,
          demandOption: true,
          coerce: listenAddress,
          describe: '127.0.0.1:PORT, [::1]:PORT or the absolute path of a socket',
        })
        .option('nickname', {
          ...nicknameFlag,
          describe:
            "Certificate on the token that signs the answers [the CA's newest with the extended key usage OCSPSigning, else the CA's own]",
        })
        .option('minutes', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('minutes', 1, 10_080),
          describe: 'How long an answer may be kept, at most a week [60]',
        })
        .option('responder-id', {
          choices: ['name', 'key'] as const,
          default: 'key' as const,
          describe: 'How an answer names who signed it',
        })
        .example('hsmonger ca ocsp --listen 127.0.0.1:2560', ''),
    run(ocsp),
  );
}

function withExport(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'export-openssl <directory>',
    'Write what openssl ca needs to go on: index.txt, serial, crlnumber, certificates',
    (ca) =>
      ca.positional('directory', {
        type: 'string',
        demandOption: true,
        coerce: (given: string) => path.resolve(given),
        describe: 'A new directory',
      }),
    run(exportOpenssl),
  );
}
