import type { Argv } from 'yargs';
import type { Runner } from '../../command.js';
import { nicknameFlag, outFlag, pathFlag, waitFlag, wholeNumber } from '../../flags.js';
import type { GlobalFlags } from '../../global-options.js';
import { csr } from '../csr.js';
import { importCertificate } from '../import.js';
import { issue } from '../issue.js';
import { maxDays, maxPathLength, withOwnCaOptions } from '../making/own-options.js';

export function withCsr(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
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
}

export function withImport(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'import <certificate> [chain..]',
    'Check a certificate another CA made for a key on the token, and have certmonger save it',
    (ca) =>
      ca
        .positional('certificate', { type: 'string', demandOption: true, describe: 'File: PEM, DER or PKCS#7' })
        .positional('chain', { type: 'string', array: true, describe: 'Files with the certificates above it, in any order' })
        .option('force-self-signed', {
          type: 'boolean',
          default: false,
          describe: 'Let a self-signed certificate replace one another CA signed',
        })
        .option('wait', waitFlag('Wait so many seconds until it is saved'))
        .example('hsmonger ca import ca.pem root.pem --wait 300', ''),
    run(importCertificate),
  );
}

export function withIssue(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'issue',
    'Issue certificates: for requests in files, or for a key on the token',
    (ca) =>
      ca
        .option('in', { type: 'string', requiresArg: true, describe: 'Request: PEM or DER; - is standard input' })
        .option('in-dir', {
          ...pathFlag,
          describe: 'Directory of requests: *.csr, *.req, *.pem, *.der',
        })
        .option('out', {
          ...pathFlag,
          describe: 'File for the certificate, which must not be there yet [standard output]',
        })
        .option('out-dir', {
          ...pathFlag,
          describe: 'Directory for the certificates, named as their requests, with .crt',
        })
        .option('profile', {
          alias: 'T',
          type: 'string',
          requiresArg: true,
          default: 'server',
          describe: 'server, client, ocsp, subsystem, audit or sub-ca; or as Dogtag names it',
        })
        .option('subject', {
          type: 'string',
          requiresArg: true,
          describe: "Subject instead of the request's: CN=a,O=b as RFC 4514, or /O=b/CN=a as openssl",
        })
        .option('san', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: "Name instead of the request's, repeatable: dns:, ip:, email:, uri:, dirName:",
        })
        .option('days', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('days', 1, maxDays),
          describe: "Lifetime [the profile's]; never beyond the CA's own end",
        })
        .option('path-length', {
          type: 'string',
          requiresArg: true,
          coerce: wholeNumber('path-length', 0, maxPathLength),
          describe: 'How many CAs may stand below it [0] (sub-ca)',
        })
        .option('permit', {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Names it may certify, repeatable: dns:example.test, ip:10.0.0.0/8, … (sub-ca)',
        })
        .option('exclude', { type: 'string', array: true, requiresArg: true, describe: 'Names it may not certify, repeatable (sub-ca)' })
        .option('nickname', {
          ...nicknameFlag,
          describe: 'For a key on the token: the certificate is stored there under this name',
        })
        .option('key-type', {
          type: 'string',
          requiresArg: true,
          describe: 'Make a key: rsa:3072, P-256, EC:secp384r1, Ed25519, …  (with --nickname)',
        })
        .option('key', {
          type: 'string',
          requiresArg: true,
          describe: 'Key that is there: its label, CKA_ID in hexadecimal, or pkcs11: URI (with --nickname)',
        })
        .option('chain', { type: 'boolean', default: false, describe: 'Append the CA certificates between it and the root' })
        .option('again', { type: 'boolean', default: false, describe: 'A new certificate, though the same request has got one' })
        .option('dry-run', { type: 'boolean', default: false, describe: 'Show what would be issued; needs no PIN' })
        .example('hsmonger ca issue --in www.csr --out www.crt --san dns:www.example.test', '')
        .example('hsmonger ca issue --profile client --in-dir csrs --out-dir certs', 'Many at once')
        .example("hsmonger ca issue --profile ocsp --nickname ocsp --key-type P-256 --subject 'CN=OCSP,O=EXAMPLE.TEST'", ''),
    run(issue),
  );
}
