import type { Argv } from 'yargs';
import type { Runner } from '../../command.js';
import { nicknameFlag, outFlag } from '../../flags.js';
import type { GlobalFlags } from '../../global-options.js';
import { chain } from '../chain.js';
import { list } from '../list.js';
import { show } from '../show.js';

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
          .option('nickname', { ...nicknameFlag, describe: 'One on the token, by its nickname' })
          .option('pem', { type: 'boolean', default: false, describe: 'The certificate alone' }),
      run(show),
    )
    .command(
      'chain',
      "The CA's certificate and those above it, the root last",
      (ca) =>
        ca
          .option('out', { ...outFlag, describe: 'File to write [standard output]' })
          .example('hsmonger ca chain --instance intermediate --out ca-chain.crt', ''),
      run(chain),
    );
}
