import { connectCertmonger, type Certmonger } from '../../dbus/certmonger.js';

/** Connects to certmonger, works, disconnects. */
export async function withCertmonger<T>(
  bus: string,
  env: Readonly<Record<string, string | undefined>>,
  work: (certmonger: Certmonger) => Promise<T>,
): Promise<T> {
  const certmonger = await connectCertmonger(bus, { env });
  try {
    return await work(certmonger);
  } finally {
    certmonger.disconnect();
  }
}
