import { setTimeout as sleep } from 'node:timers/promises';
import { agentDescription, readingMembers } from '../../../dbus/agent/description.js';
import { agentName, agentPath } from '../../../dbus/agent/names.js';
import { ownName } from '../../../dbus/served/own-name.js';
import { serve, signal as sendSignal, type ServedObject } from '../../../dbus/served/serve.js';
import type { Bus } from '../../../dbus/bus.js';
import { connectBus } from '../../../dbus/connect.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { encode } from '../../service/wire.js';
import { createBackOff } from '../timing/back-off.js';
import type { Part } from '../instances/instance-context.js';
import type { AgentEvent } from '../report/events.js';
import { createTroubleLog, type Log } from '../log.js';
import { authorise, createGroupLookUp } from './access.js';
import { seconds, statusRows, wellFormed } from './status-rows.js';
import type { AgentApi, Row } from './agent-api.js';

export interface BusNameGiven {
  /** 'system', 'session', or an address. */
  readonly bus: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly api: AgentApi;
  /** Of agent.conf as it is now: reloads change it. */
  readonly group: () => string | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface BusName extends Part {
  /**
   * Once the name was taken the first time; rejects with STATE_BUSY where another agent has it. Trouble that may pass is told and tried
   * again.
   */
  readonly owned: Promise<void>;
  event(event: AgentEvent): void;
  stateChanged(instance: string, nickname: string, state: string): void;
}

const retry = { firstMs: 1000, mostMs: 60_000 };

/** Serves org.hsmonger.Agent1 on a connection of its own until the signal; a bus that restarts is served again. */
export function startBusName(given: BusNameGiven): BusName {
  const { bus: choice, env, log, signal } = given;
  let connection: Bus | undefined;
  let resolveOwned: () => void = () => undefined;
  let rejectOwned: (error: unknown) => void = () => undefined;
  const owned = new Promise<void>((resolve, reject) => {
    resolveOwned = resolve;
    rejectOwned = reject;
  });
  owned.catch(() => undefined);
  const groupOf = createGroupLookUp();
  const object: ServedObject = {
    path: agentPath,
    description: agentDescription,
    methods: methodsOf(given.api),
    properties: () => propertiesOf(given.api),
    authorise: async (caller, member) => {
      authorise(caller, member, caller.uid === 0 ? undefined : await groupOf(given.group()), readingMembers);
    },
  };

  const once = async (back: () => void): Promise<void> => {
    const bus = await connectBus(choice, { env });
    const close = () => {
      bus.disconnect();
    };
    signal.addEventListener('abort', close);
    try {
      serve(bus, object);
      await ownName(bus, agentName);
      connection = bus;
      back();
      await new Promise<void>((resolve) => {
        if (bus.closed.aborted) resolve();
        else
          bus.closed.addEventListener(
            'abort',
            () => {
              resolve();
            },
            { once: true },
          );
      });
    } finally {
      signal.removeEventListener('abort', close);
      connection = undefined;
      bus.disconnect();
    }
  };

  const over = () => signal.aborted;
  const had = { name: false };
  const work = async () => {
    const trouble = createTroubleLog(log);
    const pause = createBackOff(retry);
    while (!signal.aborted) {
      try {
        await once(() => {
          had.name = true;
          pause.reset();
          trouble.over(`the bus name ${agentName} is served again.`);
          resolveOwned();
        });
        if (!over()) trouble.trouble('The connection to the bus has ended; it is made again.');
      } catch (error) {
        // A second agent would cure what the first is curing. One that lost the bus has nobody to yield to for longer than a moment.
        if (error instanceof HsmongerError && error.code === 'STATE_BUSY' && !had.name) {
          rejectOwned(error);
          return;
        }
        trouble.trouble(`The bus name ${agentName} cannot be served: ${sentenceOf(error)}`);
      }
      await sleep(pause.next(), undefined, { signal }).catch(() => undefined);
    }
  };

  const send = (member: keyof typeof agentDescription.signals, body: readonly unknown[]) => {
    if (connection !== undefined) sendSignal(connection, object, member, body);
  };
  return {
    owned,
    ended: work(),
    event: ({ kind, instance, nickname = '', message, details = {} }) => {
      send('Event', [kind, instance, wellFormed(nickname), wellFormed(message), clean(details)]);
    },
    stateChanged: (instance, nickname, state) => {
      send('StateChanged', [instance, wellFormed(nickname), state]);
    },
  };
}

function methodsOf(api: AgentApi): ServedObject['methods'] {
  const methods: Record<keyof typeof agentDescription.methods, ServedObject['methods'][string]> = {
    Status: ([instance]) => Promise.resolve([statusRows(api.snapshot(), instance as string)]),
    Snapshot: () => Promise.resolve([wellFormed(encode(api.snapshot()))]),
    Plan: async ([instance]) => {
      const { changes, refusals } = await api.plan(instance as string);
      return [changes.map(clean), refusals.map(clean)];
    },
    Reconcile: async ([instance]) => {
      const { steps, left } = await api.reconcile(instance as string);
      return [steps.map(clean), left.map(clean)];
    },
    Renew: async ([instance, nickname]) => [wellFormed(await api.renew(instance as string, nickname as string))],
    Unlock: async ([instance]) => [wellFormed(await api.unlock(instance as string))],
    Reload: async () => [wellFormed(await api.reload())],
  };
  return methods;
}

function propertiesOf(api: AgentApi): Record<string, unknown> {
  const { version, instances, startedAt } = api.snapshot();
  return { Version: version, Instances: instances.map(({ name }) => name), StartedAt: BigInt(seconds(startedAt)) };
}

function clean(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, wellFormed(value)]));
}
