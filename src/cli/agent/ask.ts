import { setTimeout as sleep } from 'node:timers/promises';
import type { Argv } from 'yargs';
import { connectAgent, type AgentClient, type ReceivedEvent } from '../../../dbus/agent/client.js';
import type { AgentSnapshot } from '../../agent/report/snapshot.js';
import { decode } from '../../service/wire.js';
import type { Runner, Surroundings } from '../command.js';
import type { GlobalFlags, GlobalOptions } from '../global-options.js';
import { harmless, json } from '../output.js';
import { agentNeedsAttention, agentStatusText } from './status-text.js';

type AskOptions = Omit<GlobalOptions, 'instance'> & { readonly instance: string | undefined };

/** `agent status|reconcile|reload|events`: asks the agent that runs, over its bus name. */
export function addAgentQuestions(agent: Argv<GlobalFlags>, run: Runner): Argv<GlobalFlags> {
  return agent
    .command(
      'status',
      'What the running agent sees, and what it does about it; exit status 3 when something needs attention',
      (one) => one,
      run(status),
    )
    .command('reconcile', 'Have it compare certmonger with the instance files now, and make what is safe', (one) => one, run(reconcile))
    .command('reload', 'Have it read agent.conf and the instance files again, as SIGHUP does', (one) => one, run(reload))
    .command('events', 'Tell what happens, a line each, until interrupted', (one) => one, run(events));
}

async function asking<T>(options: AskOptions, env: Surroundings['env'], work: (agent: AgentClient) => Promise<T>): Promise<T> {
  const agent = await connectAgent(options.bus, env);
  try {
    return await work(agent);
  } finally {
    agent.disconnect();
  }
}

async function status(options: AskOptions, { io, env, clock }: Surroundings): Promise<number> {
  const snapshot = decode(await asking(options, env, (agent) => agent.snapshot())) as AgentSnapshot;
  const shown =
    options.instance === undefined
      ? snapshot
      : { ...snapshot, instances: snapshot.instances.filter(({ name }) => name === options.instance) };
  io.out(options.json ? json(shown) : agentStatusText(shown, clock(), io.colour));
  return agentNeedsAttention(shown) ? 3 : 0;
}

async function reconcile(options: AskOptions, { io, env }: Surroundings): Promise<number> {
  const { steps, left } = await asking(options, env, (agent) => agent.reconcile(options.instance ?? ''));
  if (options.json) io.out(json({ steps, left }));
  else if (steps.length + left.length === 0) io.out("Nothing to change: certmonger's requests are as the instance files say.\n");
  else io.out([...steps.map(stepText), ...left.map(leftText)].map((line) => `${harmless(line)}\n`).join(''));
  return left.length > 0 ? 3 : 0;
}

function stepText({ instance = '', changes = '' }: Readonly<Record<string, string>>): string {
  return `${instance}: ${changes === '1' ? 'one change was made' : `${changes} changes were made`}; what they were, 'hsmonger agent events' and the journal tell.`;
}

function leftText({ instance = '', problem = '' }: Readonly<Record<string, string>>): string {
  return `${instance}: left to you: ${problem}`;
}

async function reload(options: AskOptions, { io, env }: Surroundings): Promise<number> {
  const message = await asking(options, env, (agent) => agent.reload());
  io.out(options.json ? json({ message }) : `${harmless(message)}\n`);
  return 0;
}

async function events(options: AskOptions, { io, env, clock, signal }: Surroundings): Promise<number> {
  return asking(options, env, async (agent) => {
    // Whether it runs at all.
    await agent.snapshot();
    await agent.onEvent((event) => {
      if (options.instance !== undefined && event.instance !== options.instance) return;
      io.out(options.json ? `${JSON.stringify(event)}\n` : `${eventText(event, clock())}\n`);
    });
    while (!signal.aborted && !agent.closed.aborted)
      await sleep(3_600_000, undefined, { signal: AbortSignal.any([signal, agent.closed]) }).catch(() => undefined);
    return agent.closed.aborted ? 1 : 0;
  });
}

/** The sentence names the certificate itself, where it has to. */
export function eventText(
  { kind, instance, nickname, message }: Pick<ReceivedEvent, 'kind' | 'instance' | 'nickname' | 'message'>,
  at: Date,
): string {
  const whose = nickname === '' || message.includes(`'${nickname}'`) ? '' : ` '${nickname}'`;
  return harmless(`${at.toISOString().slice(0, 19)}Z ${kind.padEnd(10)} ${instance}${whose}: ${message}`);
}
