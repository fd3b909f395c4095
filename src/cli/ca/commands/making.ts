import type { Argv } from 'yargs';
import type { Runner } from '../../command.js';
import type { GlobalFlags } from '../../global-options.js';
import { initIntermediate } from '../init-intermediate.js';
import { initRoot } from '../init-root.js';
import { withOwnCaOptions } from '../making/own-options.js';

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
        .example(
          "hsmonger ca init-intermediate --instance intermediate --issuer root --subject 'CN=My Company Intermediate CA,O=My Company,C=US' --key-type EC:secp384r1",
          '',
        ),
    run(initIntermediate),
  );
}
