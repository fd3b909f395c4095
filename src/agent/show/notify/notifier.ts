import type { AgentConf } from '../../../config/agent-conf.js';
import { sentenceOf } from '../../../errors.js';
import { harmless } from '../../../platform/harmless.js';
import type { Part } from '../../instances/instance-context.js';
import type { EventKind, Events } from '../../report/events.js';
import { createTroubleLog, type Log } from '../../log.js';
import { runCommand } from './command.js';
import { createDelivery, type Delivery } from './delivery.js';
import { journalKinds, journalListens, tellJournal } from './journal.js';

export interface NotifierGiven {
  readonly conf: Pick<AgentConf, 'notify' | 'user'>;
  readonly events: Pick<Events, 'on'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const commandMs = 30_000;

/** Tells events to the journal and to the administrator's command, as agent.conf has it. Neither holds up the other, or the agent. */
export function startNotifier(given: NotifierGiven): Part {
  const { conf, events, signal } = given;
  const deliveries = [
    ...(conf.notify.journal ? [toJournal(given)] : []),
    ...(conf.notify.command === undefined ? [] : [toCommand(conf.notify.command, given)]),
  ];
  if (deliveries.length === 0) return { ended: Promise.resolve() };
  const off = events.on((event) => {
    for (const delivery of deliveries) delivery.offer(event);
  });
  signal.addEventListener('abort', off, { once: true });
  return { ended: Promise.all(deliveries.map(({ ended }) => ended)).then(() => undefined) };
}

function toJournal({ log, signal }: NotifierGiven): Delivery {
  const trouble = createTroubleLog(log);
  return createDelivery({
    signal,
    onLeftOut: (count) => {
      log('warning', `The journal was not told of ${String(count)} events: more came than it is told of.`);
    },
    async deliver(event) {
      if (!journalListens()) {
        trouble.trouble(
          'There is no journal to tell events to, at /run/systemd/journal/socket, so they stand here; set journal = false in [notify] of agent.conf where they are to stand nowhere.',
        );
        const { kind, instance, message } = event;
        log(priorityOf(kind), `${instance}: ${kind}: ${harmless(message)}`);
        return;
      }
      try {
        await tellJournal(event);
        trouble.over('The journal is told of events again.');
      } catch (error) {
        trouble.trouble(`The journal was not told of an event: ${sentenceOf(error)}`);
      }
    },
  });
}

function priorityOf(kind: EventKind): Parameters<Log>[0] {
  const { priority } = journalKinds[kind];
  return priority <= 3 ? 'error' : priority === 4 ? 'warning' : 'info';
}

function toCommand(program: string, { conf, log, signal }: NotifierGiven): Delivery {
  const trouble = createTroubleLog(log);
  const command = { program, user: conf.notify.user ?? conf.user, timeoutMs: commandMs };
  return createDelivery({
    signal,
    onLeftOut: (count) => {
      log('warning', `${program} was not run for ${String(count)} events: more came than it is run for.`);
    },
    async deliver(event) {
      try {
        await runCommand(command, event, signal);
        trouble.over(`${program} works again.`);
      } catch (error) {
        if (!signal.aborted)
          trouble.trouble(
            `The command that is told of events failed as user '${command.user}': ${program} ${harmless(sentenceOf(error))}.`,
          );
      }
    },
  });
}
