import type { Argv } from 'yargs';
import type { Runner } from '../command.js';
import { absolutePath, type GlobalFlags } from '../global-options.js';
import { chain } from './chain.js';
import { initIntermediate } from './init-intermediate.js';
import { initRoot } from './init-root.js';
import { list } from './list.js';
import { withOwnCaOptions } from './own-options.js';
import { show } from './show.js';

export function withInitRoot(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'init-root',
    'Make a root: key on the token, self-signed certificate, instance file; run again it changes nothing',
    (ca) =>
      withOwnCaOptions(ca).example(
        "hsmonger ca init-root --instance root --module /usr/lib/softhsm/libsofthsm2.so --token pki --pin-file /etc/hsmonger/pki.pin --subject 'CN=My Company Root CA,O=My Company,C=US' --key-type EC:secp384r1",
        '',
      ),
    run(initRoot),
  );
}

export function withInitIntermediate(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs.command(
    'init-intermediate',
    'Make a CA below another of this host, on its token or another; run again it changes nothing',
    (ca) =>
      withOwnCaOptions(ca)
        .option('issuer', { type: 'string', requiresArg: true, demandOption: true, describe: 'Instance of the CA above' })
        .example("hsmonger ca init-intermediate --instance intermediate --issuer root --subject 'CN=My Company Intermediate CA,O=My Company,C=US' --key-type EC:secp384r1", ''),
    run(initIntermediate),
  );
}

export function withReading(yargs: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return yargs
    .command(
      'list',
      'The certificates this CA has issued',
      (ca) =>
        ca
          .option('valid', { type: 'boolean', default: false, describe: 'Those that are valid' })
          .option('expired', { type: 'boolean', default: false, describe: 'Those that have expired' })
          .option('revoked', { type: 'boolean', default: false, describe: 'Those that are revoked' }),
      run(list),
    )
    .command(
      'show [serial]',
      'One certificate: what it says, its chain, how it was issued',
      (ca) =>
        ca
          .positional('serial', { type: 'string', describe: 'Serial number in hexadecimal' })
          .option('nickname', { alias: 'n', type: 'string', requiresArg: true, describe: 'One on the token, by its nickname' })
          .option('pem', { type: 'boolean', default: false, describe: 'The certificate alone' }),
      run(show),
    )
    .command(
      'chain',
      "The CA's certificate and those above it, the root last",
      (ca) => ca.option('out', { type: 'string', requiresArg: true, coerce: absolutePath, describe: 'File to write [standard output]' }).example('hsmonger ca chain --instance intermediate --out ca-chain.crt', ''),
      run(chain),
    );
}
