import { HsmongerError } from '../../src/errors.js';
import type { BusChoice } from '../address.js';
import { ErrorReply } from '../error-reply.js';
import type { Bus } from '../bus.js';
import { connectBus } from '../connect.js';
import { agentInterface, agentName, agentPath } from './names.js';

/** The running agent, by its bus name. DAEMON_UNAVAILABLE where none runs: it is not started by being asked. */
export interface AgentClient {
  /** As JSON. */
  snapshot(): Promise<string>;
  reconcile(instance: string): Promise<{ readonly steps: Rows; readonly left: Rows }>;
  renew(instance: string, nickname: string): Promise<string>;
  unlock(instance: string): Promise<string>;
  reload(): Promise<string>;
  /** Calls `listener` for each event from now on. */
  onEvent(listener: (event: ReceivedEvent) => void): Promise<void>;
  readonly closed: AbortSignal;
  disconnect(): void;
}

type Rows = readonly Readonly<Record<string, string>>[];

export interface ReceivedEvent {
  readonly kind: string;
  readonly instance: string;
  readonly nickname: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
}

/** For calls during which the agent logs in to the token, or certmonger reads from it. */
const longMs = 300_000;

export async function connectAgent(choice: BusChoice, env: Readonly<Record<string, string | undefined>>): Promise<AgentClient> {
  const bus = await connectBus(choice, { env });
  const call = (member: string, signature = '', body: readonly unknown[] = []) => called(bus, member, signature, body);
  const sentence = async (member: string, signature = '', body: readonly unknown[] = []) =>
    String((await call(member, signature, body))[0]);
  return {
    snapshot: () => sentence('Snapshot'),
    reconcile: async (instance) => {
      const [steps, left] = await call('Reconcile', 's', [instance]);
      return { steps: steps as Rows, left: left as Rows };
    },
    renew: (instance, nickname) => sentence('Renew', 'ss', [instance, nickname]),
    unlock: (instance) => sentence('Unlock', 's', [instance]),
    reload: () => sentence('Reload'),
    onEvent: (listener) =>
      bus.onSignal({ sender: agentName, interface: agentInterface, member: 'Event' }, ({ body }) => {
        const [kind, instance, nickname, message, details] = body as [string, string, string, string, Record<string, string>];
        listener({ kind, instance, nickname, message, details });
      }),
    closed: bus.closed,
    disconnect: () => {
      bus.disconnect();
    },
  };
}

async function called(bus: Bus, member: string, signature: string, body: readonly unknown[]): Promise<readonly unknown[]> {
  try {
    return (
      await bus.call({
        destination: agentName,
        path: agentPath,
        interface: agentInterface,
        member,
        signature,
        body,
        timeoutMs: longMs,
        noAutoStart: true,
      })
    ).body;
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
    if (error.undelivered)
      throw new HsmongerError('DAEMON_UNAVAILABLE', 'No agent answers on the bus; start it with: systemctl start hsmonger-agent.', {
        cause: error,
      });
    if (error.code === 'NOT_PERMITTED')
      throw new HsmongerError(
        'NOT_PERMITTED',
        `The agent was asked for ${member} and refused: ${typeof error.body[0] === 'string' ? error.body[0] : error.errorName}`,
        { cause: error },
      );
    throw new HsmongerError('DAEMON_FAILED', typeof error.body[0] === 'string' ? error.body[0] : error.message, { cause: error });
  }
}
