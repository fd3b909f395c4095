import { HsmongerError } from '../src/errors.js';
import { ErrorReply } from './error-reply.js';
import { certmongerName } from './names.js';

/** A failed call as our error: certmonger's own words inside one sentence. `what` says what was tried, as "add the request 'x'". */
export function certmongerError(error: unknown, what: string): unknown {
  if (!(error instanceof ErrorReply)) return error;
  const words = wordsOf(error);
  const failed = (code: HsmongerError['code'], sentence: string) => new HsmongerError(code, sentence, { cause: error });
  if (error.undelivered)
    return failed(
      'CERTMONGER_UNAVAILABLE',
      `Cannot ${what}: certmonger is not running (${words}). Start it with 'systemctl start certmonger'.`,
    );
  switch (error.errorName.replace(/^org\.freedesktop\.DBus\.Error\./u, '').replace(`${certmongerName}.`, '')) {
    case 'NoReply':
    case 'Disconnected':
      return failed('CERTMONGER_UNAVAILABLE', `Cannot ${what}: certmonger ended before it answered. Look at its journal, then try again.`);
    case 'AccessDenied':
      return failed('NOT_PERMITTED', `Cannot ${what}: the bus lets only root talk to certmonger (${words}). Run as root.`);
    case 'UnknownMethod':
    case 'UnknownObject':
    case 'no_such_entry':
      return failed('REQUEST_NOT_FOUND', `Cannot ${what}: certmonger knows nothing of that name any more (${words}).`);
    case 'duplicate':
      return failed(
        'REQUEST_DUPLICATE',
        `Cannot ${what}: certmonger has one like it already (${words}). Stop tracking that one first, or take another name or certificate.`,
      );
    case 'missing_arg':
    case 'bad_arg':
    case 'request.bad_arg':
    case 'ca.bad_arg':
      return failed('CERTMONGER_REFUSED', `Cannot ${what}: certmonger does not accept it (${words}).`);
    case 'internal':
    case 'request.internal':
    case 'ca.internal':
      return failed('CERTMONGER_REFUSED', `Cannot ${what}: certmonger failed inside (${words}); its journal may say more.`);
    default:
      return failed('CERTMONGER_REFUSED', `Cannot ${what}: ${words}.`);
  }
}

/** The message, and the argument's name or names where certmonger sends them along. */
function wordsOf({ errorName, body: [message, argument] }: ErrorReply): string {
  const said = typeof message === 'string' && message !== '' ? message.replace(/\s+/gu, ' ').replace(/[.\s]+$/u, '') : errorName;
  const about = typeof argument === 'string' ? [argument] : Array.isArray(argument) ? argument.map(String) : [];
  return about.length === 0 ? said : `${said}: ${about.join(', ')}`;
}
