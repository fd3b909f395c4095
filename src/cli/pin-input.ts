import { HsmongerError } from '../errors.js';
import { firstLine } from '../pkcs11/pin/pin-source.js';
import type { Account } from '../platform/service-user.js';
import { pinIn } from '../service/pin/pin-in.js';
import type { Io } from './io.js';

/** A PIN somebody gives a command, to be wiped, and what it is in words. */
export interface GivenPin {
  readonly what: string;
  readonly pin: Buffer;
}

export interface PinQuestion {
  readonly file: string | undefined;
  /** Named in messages: '--pin-file'. */
  readonly flag: string;
  readonly prompt: string;
  /** A typing error would be found out too late. */
  readonly twice: boolean;
}

const most = 4096;

/** From the file, else typed twice or once without echo, else the first line of standard input. PIN_ codes and USAGE. */
export async function givenPin({ file, flag, prompt, twice }: PinQuestion, account: Account, io: Io): Promise<GivenPin> {
  if (file !== undefined) return { what: `the PIN in ${file}`, pin: pinIn(file, account) };
  if (io.askSecret !== undefined) return { what: 'the PIN that was typed', pin: await typed(io.askSecret, prompt, twice) };
  if (process.stdin.isTTY)
    throw new HsmongerError(
      'USAGE',
      `Nobody can be asked for the PIN while messages go elsewhere; give it with ${flag} or on standard input.`,
    );
  return { what: 'the PIN on standard input', pin: firstLine(await standardInput(), 'standard input') };
}

async function typed(ask: NonNullable<Io['askSecret']>, prompt: string, twice: boolean): Promise<Buffer> {
  const pin = firstLine(await ask(`${prompt}: `), 'what was typed');
  if (!twice) return pin;
  const again = await ask(`${prompt}, again: `);
  const same = again.equals(pin);
  again.fill(0);
  if (same) return pin;
  pin.fill(0);
  throw new HsmongerError('USAGE', 'The two differ; nothing was changed.');
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > most)
      throw new HsmongerError('PIN_SOURCE_INVALID', `There are more than ${String(most)} octets on standard input, so it is hardly a PIN.`);
  }
  return Buffer.concat(chunks);
}
