import { askService } from '../../service/ask.js';
import { certificateToPem } from '../../x509/pem.js';
import { nameText } from '../../x509/names/name.js';
import { parseCertificate } from '../../x509/parse-certificate.js';
import type { AddCommand, Surroundings } from '../command.js';
import { outFlag } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { writePublic } from '../write-file.js';

interface ChainOptions extends GlobalOptions {
  readonly out: string | undefined;
}

/** The CA's certificate and what stands above it, the root last: what a server is given beside its own. */
export const addChain: AddCommand = (yargs, run) =>
  yargs.command(
    'chain',
    "The CA's certificate and those above it, the root last",
    (ca) =>
      ca
        .option('out', { ...outFlag, describe: 'File to write [standard output]' })
        .example('hsmonger ca chain --instance intermediate --out ca-chain.crt', ''),
    run(chain),
  );

async function chain(options: ChainOptions, { io, env }: Surroundings): Promise<number> {
  const { certificates } = await askService(instanceOf(options, env), 'read CA chain', undefined);
  const pem = certificates.map((der) => certificateToPem(der)).join('');
  const subjects = certificates.map((der) => nameText(parseCertificate(der).subject));
  if (options.out !== undefined) writePublic(options.out, pem);
  if (options.json) io.out(json({ subjects, ...(options.out === undefined ? { pem } : { file: options.out }) }));
  else io.out(options.out === undefined ? pem : `${harmless(options.out)}: ${harmless(subjects.join(' < '))}\n`);
  return 0;
}
