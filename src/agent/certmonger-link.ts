import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';
import type { Change } from '../../dbus/changes.js';
import { HsmongerError } from '../errors.js';

/** certmonger for a process that runs for months: the connection is made when it is needed, and again when the bus has gone. */
export interface CertmongerLink {
  /** CERTMONGER_UNAVAILABLE while it does not run: it is not started, somebody may have stopped it on purpose. */
  use<T>(work: (certmonger: Certmonger) => Promise<T>): Promise<T>;
  close(): void;
}

/** What happened at certmonger, or to the connection: between its end and the next nothing is heard. */
export type LinkChange = Change | { readonly kind: 'bus'; readonly connected: boolean };

export function linkCertmonger(
  bus: string,
  env: Readonly<Record<string, string | undefined>>,
  onChange: (change: LinkChange) => void,
): CertmongerLink {
  let connection: Promise<Certmonger> | undefined;
  const connect = async () => {
    const certmonger = await connectCertmonger(bus, { env });
    try {
      await certmonger.onChange(onChange);
    } catch (error) {
      certmonger.disconnect();
      throw error;
    }
    certmonger.closed.addEventListener(
      'abort',
      () => {
        onChange({ kind: 'bus', connected: false });
      },
      { once: true },
    );
    onChange({ kind: 'bus', connected: true });
    return certmonger;
  };
  return {
    async use(work) {
      const mine = (connection ??= connect());
      let certmonger: Certmonger;
      try {
        certmonger = await mine;
        certmonger.closed.throwIfAborted();
      } catch (error) {
        // Another that waited for the same one may have begun the next already.
        if (connection === mine) connection = undefined;
        throw error instanceof HsmongerError
          ? error
          : new HsmongerError('BUS_UNAVAILABLE', 'The connection to the bus has ended; it is made again with the next try.', {
              cause: error,
            });
      }
      if (!(await certmonger.running()))
        throw new HsmongerError(
          'CERTMONGER_UNAVAILABLE',
          'certmonger does not run, so it is told nothing; start it with systemctl start certmonger.',
        );
      return work(certmonger);
    },
    close() {
      connection?.then(
        (certmonger) => {
          certmonger.disconnect();
        },
        () => undefined,
      );
      connection = undefined;
    },
  };
}
