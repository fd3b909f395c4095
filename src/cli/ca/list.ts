import type { ListedCertificate } from '../../service/tasks/ca/issued-certificates.js';
import { askService } from '../../service/ask.js';
import type { AddCommand, Surroundings } from '../command.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { columns, json, type Cell } from '../output.js';

interface ListOptions extends GlobalOptions {
  readonly valid: boolean;
  readonly expired: boolean;
  readonly revoked: boolean;
}

/** How a certificate stands today; a revoked one stays so when it has expired. */
type CertificateState = 'valid' | 'expired' | 'revoked';

export function stateOf({ notAfter, revokedAt }: Pick<ListedCertificate, 'notAfter' | 'revokedAt'>, now: Date): CertificateState {
  if (revokedAt !== undefined) return 'revoked';
  return notAfter < now ? 'expired' : 'valid';
}

/** `ca list`: what the CA has issued. */
export const addList: AddCommand = (yargs, run) =>
  yargs.command(
    'list',
    'The certificates this CA has issued',
    (ca) =>
      ca
        .option('valid', { type: 'boolean', default: false, describe: 'Those that are valid' })
        .option('expired', { type: 'boolean', default: false, describe: 'Those that have expired' })
        .option('revoked', { type: 'boolean', default: false, describe: 'Those that are revoked' }),
    run(list),
  );

async function list(options: ListOptions, { io, env, clock }: Surroundings): Promise<number> {
  const now = clock();
  const wanted = (['valid', 'expired', 'revoked'] as const).filter((state) => options[state]);
  const rows = (await askService(instanceOf(options, env), 'list certificates', undefined))
    .map((row) => ({ ...row, state: stateOf(row, now) }))
    .filter(({ state }) => wanted.length === 0 || wanted.includes(state));
  if (options.json) io.out(json(rows));
  else if (rows.length === 0)
    io.err(
      `hsmonger: '${options.instance}' has issued no certificate${wanted.length === 0 ? '' : ` that is ${wanted.join(' or ')}`}, as far as its ledger knows.\n`,
    );
  else
    io.out(
      columns(
        ['SERIAL', 'SUBJECT', 'PROFILE', 'NOT AFTER', 'STATE'],
        rows.map(({ serial, subject, profile, notAfter, state, revocationReason }) => [
          { text: serial },
          { text: subject },
          { text: profile },
          { text: notAfter.toISOString().slice(0, 10) },
          stateCell(state, revocationReason),
        ]),
        io.colour,
      ),
    );
  return 0;
}

function stateCell(state: CertificateState, reason: string | undefined): Cell {
  switch (state) {
    case 'valid':
      return { text: state, style: 'green' };
    case 'expired':
      return { text: state, style: 'dim' };
    case 'revoked':
      return { text: reason === undefined ? state : `${state}: ${reason}`, style: 'red' };
  }
}
