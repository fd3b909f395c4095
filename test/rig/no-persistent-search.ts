import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import net from 'node:net';

const persistentSearch = Buffer.from('2.16.840.1.113730.3.4.3');
/** RFC 4511 §4.1.9: unavailableCriticalExtension. */
const unavailableCriticalExtension = 12;

/** A directory that does not know the persistent search: everything else goes to the server behind it, over a socket of its own. */
export async function withoutPersistentSearch(server: string, socket: string): Promise<{ readonly uri: string; stop(): Promise<void> }> {
  const open = new Set<net.Socket>();
  const front = net.createServer((client) => {
    const behind = net.connect(decodeURIComponent(server.replace(/^ldapi:\/\//u, '')));
    for (const end of [client, behind]) {
      open.add(end);
      end
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(end);
          client.destroy();
          behind.destroy();
        });
    }
    behind.pipe(client);
    let rest = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let length = lengthOf(rest); length !== undefined && length <= rest.length; length = lengthOf(rest)) {
        const request = rest.subarray(0, length);
        rest = rest.subarray(length);
        if (request.includes(persistentSearch)) client.write(refusal(request));
        else behind.write(request);
      }
    });
  });
  front.listen(socket);
  await once(front, 'listening');
  chmodSync(socket, 0o666);
  return {
    uri: `ldapi://${encodeURIComponent(socket)}`,
    stop: async () => {
      const closed = once(front, 'close');
      front.close();
      for (const end of open) end.destroy();
      await closed;
    },
  };
}

/** Octets of the message that begins here, header included; undefined while the header is not whole. */
function lengthOf(bytes: Buffer): number | undefined {
  const first = bytes[1];
  if (first === undefined || first < 0x80) return first === undefined ? undefined : 2 + first;
  const octets = first & 0x7f;
  return bytes.length < 2 + octets ? undefined : 2 + octets + bytes.readUIntBE(2, octets);
}

/** SearchResultDone to a SearchRequest: the message's number follows the outer header. */
function refusal(request: Buffer): Buffer {
  const first = request[1]!;
  const at = first < 0x80 ? 2 : 2 + (first & 0x7f);
  const id = request.subarray(at, at + 2 + request[at + 1]!);
  const done = Buffer.from([0x65, 0x07, 0x0a, 0x01, unavailableCriticalExtension, 0x04, 0x00, 0x04, 0x00]);
  return Buffer.concat([Buffer.from([0x30, id.length + done.length]), id, done]);
}
