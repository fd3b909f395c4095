import path from 'node:path';
import { bind } from '../../agent/show/bind.js';
import { nameOf, type Address } from '../../agent/show/order.js';
import { HsmongerError } from '../../errors.js';
import { tokenIssuerOf } from '../../service/own-authority.js';
import type { AddCommand, Surroundings } from '../command.js';
import { nicknameFlag, wholeNumber } from '../flags.js';
import { instanceOf, type GlobalOptions } from '../global-options.js';
import { harmless } from '../output.js';
import { assertOwnedHere } from './ledger/owner.js';
import { onFirstSignal } from '../../platform/first-signal.js';

interface OcspOptions extends GlobalOptions {
  readonly listen: Address;
  readonly nickname: string | undefined;
  readonly minutes: number | undefined;
  readonly responderId: 'name' | 'key';
}

/** Where --minutes says nothing. */
const defaultMinutes = 60;

/** `ca ocsp`: the OCSP responder. */
export const addOcsp: AddCommand = (yargs, run) =>
  yargs.command(
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

async function ocsp(options: OcspOptions, { io, env, signal }: Surroundings): Promise<number> {
  const place = instanceOf(options, env);
  tokenIssuerOf(place.instance);
  await assertOwnedHere(place, 'run its OCSP responder');
  const { listen, nickname } = options;
  // Here, where root can read it wherever it lies: nothing is loaded after the drop.
  const { serveInstance } = await import('#chunk/ocsp');
  const stop = new AbortController();
  const end = () => {
    stop.abort();
  };
  const deaf = onFirstSignal('SIGTERM', end);
  signal.addEventListener('abort', end, { once: true });
  process.chdir('/');
  try {
    await serveInstance({
      ...place,
      env,
      // The web server in front joins the service user's group for a socket.
      bind: ({ gid }) => bind(listen, gid),
      nickname,
      validMs: (options.minutes ?? defaultMinutes) * 60_000,
      identifiedBy: options.responderId,
      log: (message) => {
        io.err(`hsmonger: ${harmless(message)}\n`);
      },
      listening: (message) => {
        io.err(`hsmonger: OCSP responder listening at ${harmless(nameOf(listen))}. ${harmless(message)}\n`);
      },
      signal: stop.signal,
    });
    return 0;
  } finally {
    deaf();
  }
}

/** For `coerce`: 127.0.0.1:PORT, [::1]:PORT or the absolute path of a socket. */
export function listenAddress(given: string): Address {
  if (path.isAbsolute(given)) return { socket: given };
  const [, host, digits] = /^(127\.0\.0\.1|\[::1\]|localhost):(\d{1,5})$/u.exec(given) ?? [];
  const port = Number(digits ?? 0);
  if (host === undefined || port < 1 || port > 65_535)
    throw new HsmongerError(
      'USAGE',
      `'${given}' is not where a responder may listen: 127.0.0.1:PORT, [::1]:PORT or the absolute path of a socket; for other hosts put a web server in front.`,
    );
  return { host: host === '[::1]' ? '::1' : '127.0.0.1', port };
}
