import { HsmongerError, type ErrorCode } from '../src/errors.js';
import type { WireMessage } from './wire.js';

const standard = 'org.freedesktop.DBus.Error.';

/** Nothing was delivered: nobody owns the destination. */
const undelivered = new Set([
  'ServiceUnknown',
  'NameHasNoOwner',
  'Spawn.ExecFailed',
  'Spawn.ForkFailed',
  'Spawn.ChildExited',
  'Spawn.ChildSignaled',
  'Spawn.Failed',
  'Spawn.ServiceNotFound',
  'TimedOut',
]);

/** An error somebody answered a call with. Who knows the peer translates it further (certmonger-errors.ts). */
export class ErrorReply extends HsmongerError {
  /** As on the bus, e.g. org.freedesktop.DBus.Error.UnknownMethod. */
  readonly errorName: string;
  readonly body: readonly unknown[];

  constructor(call: string, reply: WireMessage) {
    const errorName = reply.errorName ?? 'an unnamed error';
    const said = typeof reply.body?.[0] === 'string' ? reply.body[0] : '';
    super(codeOf(errorName), `The call ${call} was answered with ${errorName}${said === '' ? '' : `: ${said}`}.`);
    this.name = 'ErrorReply';
    this.errorName = errorName;
    this.body = reply.body ?? [];
  }

  /** Whether the call reached nobody, so that it may be made again. */
  get undelivered(): boolean {
    return this.errorName.startsWith(standard) && undelivered.has(this.errorName.slice(standard.length));
  }
}

function codeOf(errorName: string): ErrorCode {
  switch (errorName.startsWith(standard) ? errorName.slice(standard.length) : errorName) {
    case 'AccessDenied':
    case 'AuthFailed':
      return 'NOT_PERMITTED';
    case 'UnknownMethod':
    case 'UnknownObject':
    case 'UnknownInterface':
    case 'InvalidArgs':
      return 'INTERNAL';
    default:
      return 'BUS_UNAVAILABLE';
  }
}
