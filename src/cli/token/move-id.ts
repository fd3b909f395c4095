import { askService } from '../../service/ask.js';
import type { Surroundings } from '../command.js';
import { harmless, json } from '../output.js';
import { placeOf, selectorWord, withLabel, type AddTokenCommand, type TokenOptions } from './place.js';
import { keyUri } from './tables.js';
import { hex } from '../../platform/hex.js';

/** `token move-id`: the CKA_ID NSS computes, for a key pair and its certificates. */
export const addMoveId: AddTokenCommand = (yargs, run) =>
  yargs.command(
    'move-id <selector>',
    'Give a key and its certificates the CKA_ID that NSS and certmonger look for',
    (move) => move.positional('selector', { type: 'string', demandOption: true, describe: selectorWord }),
    run(moveId),
  );

async function moveId(options: TokenOptions & { readonly selector: string }, { io, env }: Surroundings): Promise<number> {
  const { selector } = options;
  const { token, label, from, to, outcome, finished } = await askService(
    await withLabel(options, placeOf(options, env, selector)),
    'move key id',
    { selector },
  );
  if (options.json)
    io.out(json({ label, from: hex(from), to: hex(to), outcome, ...(finished === undefined ? {} : { finished: hex(finished) }) }));
  else
    io.out(
      `${harmless(label)}: ${sentences[outcome]}\n  from: ${hex(from)}\n  to:   ${hex(to)}\n  URL:  ${keyUri(token, { label, id: outcome === 'refused' ? from : to }, 'private')}\n`,
    );
  return outcome === 'refused' ? 1 : 0;
}

const sentences = {
  moved: 'private key, public key and certificates have the CKA_ID that NSS looks for.',
  'nothing to do': 'it has the CKA_ID that NSS looks for already.',
  refused:
    'the token lets no CKA_ID be changed, and all is as it was; make a new key with hsmonger token keygen, or keep its certificates out of certmonger.',
} as const;
