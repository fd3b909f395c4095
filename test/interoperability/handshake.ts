import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

/**
 * What a client of Node's that trusts root.pem, and looks at the CRL where one is named, makes of a server with this certificate: 'good',
 * or the code of its error.
 */
export async function handshake(directory: string, name: string, crl?: string): Promise<string> {
  const file = (each: string) => readFileSync(path.join(directory, each));
  const certificate = file(`${name}.pem`);
  const server = tls.createServer({ cert: certificate, key: file(`${name}.key`) }).listen(0, '127.0.0.1');
  server.on('tlsClientError', () => undefined);
  await once(server, 'listening');
  const host = /DNS:([^,]+)/u.exec(new X509Certificate(certificate).subjectAltName ?? '')?.[1];
  const client = tls.connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    ...(host === undefined ? {} : { servername: host }),
    ca: file('root.pem'),
    ...(crl === undefined ? {} : { crl: file(crl) }),
  });
  try {
    await once(client, 'secureConnect');
    return 'good';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'none';
  } finally {
    client.destroy();
    server.close();
  }
}
