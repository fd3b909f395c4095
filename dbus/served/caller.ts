import { HsmongerError } from '../../src/errors.js';
import type { Bus } from '../bus.js';
import { isVariant } from '../wire.js';

/** Who calls, by the word of the bus. */
export interface Caller {
  readonly uid: number;
  /** Of the process as it connected, where the bus tells (dbus-daemon since 1.11.20 on Linux with SO_PEERGROUPS). */
  readonly groups: readonly number[] | undefined;
}

/** Asks the bus; NOT_PERMITTED where it does not know the uid (the caller has gone, or is on another machine). */
export async function callerOf(bus: Pick<Bus, 'call'>, sender: string): Promise<Caller> {
  const { body } = await bus.call({
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'GetConnectionCredentials',
    signature: 's',
    body: [sender],
  });
  const credentials = (body[0] ?? {}) as Readonly<Record<string, unknown>>;
  const value = (name: string): unknown => (isVariant(credentials[name]) ? credentials[name].value : undefined);
  const uid = value('UnixUserID');
  if (typeof uid !== 'number') throw new HsmongerError('NOT_PERMITTED', 'The bus does not tell who calls, so the call is refused.');
  const groups = value('UnixGroupIDs');
  return { uid, groups: Array.isArray(groups) ? groups.filter((each) => typeof each === 'number') : undefined };
}
