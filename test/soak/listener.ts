import { setTimeout as sleep } from 'node:timers/promises';
import { connectAgent, type AgentClient } from '../../dbus/agent/client.js';

/** What the agents tell on the bus, counted; the bus may be restarted meanwhile. */
export interface Listener {
  /** By kind, and by kind and cause where it says one. */
  counts(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export async function listenTo(bus: string): Promise<Listener> {
  const counts: Record<string, number> = {};
  let client: AgentClient | undefined;
  let stopped = false;
  const connect = async () => {
    const connected = await connectAgent(bus, {});
    await connected.onEvent(({ kind, details }) => {
      const cause = details['cause'];
      for (const key of [kind, ...(cause === undefined ? [] : [`${kind}: ${cause}`])]) counts[key] = (counts[key] ?? 0) + 1;
    });
    client = connected;
    return connected;
  };
  const closed = async ({ closed: signal }: AgentClient) => {
    if (!signal.aborted)
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
  };
  const first = await connect();
  const work = async () => {
    for (let now: AgentClient | undefined = first; !stopped; now = await connect().catch(() => undefined)) {
      await (now === undefined ? sleep(200) : closed(now));
    }
  };
  const working = work();
  return {
    counts: () => Object.fromEntries(Object.entries(counts).sort(([one], [other]) => one.localeCompare(other))),
    async stop() {
      stopped = true;
      client?.disconnect();
      await working;
    },
  };
}
