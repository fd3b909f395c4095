import { HsmongerError } from '../src/errors.js';

/** Which bus: one of the two well-known ones, or an address as in DBUS_SESSION_BUS_ADDRESS. */
export type BusChoice = 'system' | 'session' | (string & {});

const systemDefault = 'unix:path=/var/run/dbus/system_bus_socket';

/** The address the choice stands for. BUS_UNAVAILABLE when there is no session bus. */
export function addressOf(choice: BusChoice, env: Readonly<Record<string, string | undefined>>): string {
  if (choice === 'system') return env['DBUS_SYSTEM_BUS_ADDRESS'] ?? systemDefault;
  if (choice !== 'session') return choice;
  const session = env['DBUS_SESSION_BUS_ADDRESS'] ?? (env['XDG_RUNTIME_DIR'] === undefined ? undefined : `unix:path=${env['XDG_RUNTIME_DIR']}/bus`);
  if (session === undefined) throw new HsmongerError('BUS_UNAVAILABLE', 'There is no session bus: DBUS_SESSION_BUS_ADDRESS is not set. Set it, or use --bus system or --bus ADDRESS.');
  return session;
}

/**
 * Socket paths for net.connect, in the order the address lists them; an abstract one begins with NUL (D-Bus specification, Server
 * Addresses). Percent-escapes are decoded. BUS_UNAVAILABLE for any transport but unix path and abstract.
 */
export function socketsOf(address: string): string[] {
  return address
    .split(';')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [, transport = '', list = ''] = /^([^:]*):(.*)$/su.exec(entry) ?? [];
      const pairs = new Map(list.split(',').map((pair) => [pair.replace(/=.*$/su, ''), pair.replace(/^[^=]*=?/su, '')]));
      const path = pairs.get('path');
      const abstract = pairs.get('abstract');
      if (transport !== 'unix' || (path ?? abstract ?? '') === '') {
        throw new HsmongerError('BUS_UNAVAILABLE', `The bus address '${address}' is not one hsmonger can use: give unix:path=… or unix:abstract=….`);
      }
      return path === undefined ? `\0${unescape(address, abstract ?? '')}` : unescape(address, path);
    });
}

function unescape(address: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    throw new HsmongerError('BUS_UNAVAILABLE', `The bus address '${address}' has a broken percent-escape.`, { cause: error });
  }
}
