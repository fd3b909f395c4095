import type { Argv } from 'yargs';
import { csr } from './ca/csr.js';
import { importCertificate } from './ca/import.js';
import { withOwnCaOptions } from './ca/own-options.js';
import type { AddCommand, Runner } from './command.js';
import { withInitIntermediate, withInitRoot, withReading } from './ca/commands.js';
import { absolutePath, wholeSeconds, type GlobalFlags } from './global-options.js';

/** `ca`: a CA whose key is on a token. */
export const addCa: AddCommand = (yargs, run) =>
  yargs.command('ca', 'A CA whose key is on a token', (ca) => [withInitRoot, withInitIntermediate, withCsr, withImport, withReading].reduce((added, add) => add(added, run), ca).demandCommand(1, 'Name what to do.'));

function withCsr(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'csr [nickname]',
    'Write a certificate request for a CA elsewhere, signed on the token with the key of the certificate that is there, or of a CA that has none yet',
    (ca) =>
      withOwnCaOptions(ca)
        .positional('nickname', { type: 'string', describe: "Certificate of the instance [the CA's]" })
        .option('out', { type: 'string', requiresArg: true, coerce: absolutePath, describe: 'File to write, which must not be there yet [standard output]' })
        .example('hsmonger ca csr --out ca.csr', "For the certificate that follows the one that is there")
        .example("hsmonger ca csr --instance sub --module M --token pki --pin-file P --subject 'CN=Sub CA,O=My Company' --key-type P-384 --out sub.csr", 'For a CA that has none yet'),
    run(csr),
  );
}

function withImport(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'import <certificate> [chain..]',
    'Check a certificate another CA made for a key on the token, and have certmonger save it',
    (ca) =>
      ca
        .positional('certificate', { type: 'string', demandOption: true, describe: 'File: PEM, DER or PKCS#7' })
        .positional('chain', { type: 'string', array: true, describe: 'Files with the certificates above it, in any order' })
        .option('force-self-signed', { type: 'boolean', default: false, describe: 'Let a self-signed certificate replace one another CA signed' })
        .option('wait', { alias: 'w', type: 'string', requiresArg: true, coerce: wholeSeconds, describe: 'Wait so many seconds until it is saved' })
        .example('hsmonger ca import ca.pem root.pem --wait 300', ''),
    run(importCertificate),
  );
}
