import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ListenOptions, type Server } from 'node:net';

/** Below what the kernel gives to connections and to listen(0), 32768 and up (ip_local_port_range). */
const range = { from: 20_000, to: 32_000 };

/**
 * A port of the loopback interface that nobody listens on now, to be passed to another process. Nothing but a call of this could take it
 * until that process listens, and no call does, in whatever process, as long as this one runs.
 */
export async function freePort(): Promise<number> {
  for (let left = 200; left > 0; left--) {
    const port = randomInt(range.from, range.to);
    // A name in no file system that the kernel forgets with this process (unix(7), abstract sockets).
    const ours = await listening({ path: `\0hsmonger free port ${String(port)}` });
    if (ours === undefined) continue;
    ours.unref();
    const probe = await listening({ port, host: '127.0.0.1' });
    if (probe === undefined) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
  throw new Error(`No port from ${String(range.from)} to ${String(range.to)} is free on 127.0.0.1.`);
}

/** Undefined where somebody listens there already. */
async function listening(where: ListenOptions): Promise<Server | undefined> {
  const server = createServer();
  try {
    const begun = once(server, 'listening');
    server.listen(where);
    await begun;
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
}
