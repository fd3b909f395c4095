import { HsmongerError } from '../src/errors.js';

/** Which bus: one of the two well-known ones, or an address as in DBUS_SESSION_BUS_ADDRESS. */
export type BusChoice = 'system' | 'session' | (string & {});

const systemDefault = 'unix:path=/var/run/dbus/system_bus_socket';

/** The address the choice stands for. BUS_UNAVAILABLE when there is no session bus. */
export function addressOf(choice: BusChoice, env: Readonly<Record<string, string | undefined>>): string {
  if (choice === 'system') return env['DBUS_SYSTEM_BUS_ADDRESS'] ?? systemDefault;
  if (choice !== 'session') return choice;
  const session =
    env['DBUS_SESSION_BUS_ADDRESS'] ?? (env['XDG_RUNTIME_DIR'] === undefined ? undefined : `unix:path=${env['XDG_RUNTIME_DIR']}/bus`);
  if (session === undefined)
    throw new HsmongerError(
      'BUS_UNAVAILABLE',
      'There is no session bus: DBUS_SESSION_BUS_ADDRESS is not set. Set it, or use --bus system or --bus ADDRESS.',
    );
  return session;
}

/**
 * Socket paths in the order the address lists them (D-Bus specification, Server Addresses), percent-escapes decoded.
 * BUS_UNAVAILABLE when none is a unix:path: Node pads the name of an abstract socket to its full length, and nobody listens there.
 */
export function socketsOf(address: string): string[] {
  const paths = address.split(';').flatMap((entry) => {
    const [, list = ''] = /^unix:(.*)$/su.exec(entry) ?? [];
    const path =
      list
        .split(',')
        .find((pair) => pair.startsWith('path='))
        ?.slice('path='.length) ?? '';
    return path === '' ? [] : [unescape(address, path)];
  });
  if (paths.length > 0) return paths;
  throw new HsmongerError(
    'BUS_UNAVAILABLE',
    `The bus address '${address}' is not one hsmonger can use; give one of the form unix:path=/some/socket.`,
  );
}

function unescape(address: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    throw new HsmongerError('BUS_UNAVAILABLE', `The bus address '${address}' has a broken percent-escape.`, { cause: error });
  }
}
