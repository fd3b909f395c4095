/**
 * The process that works as the service user: started by the CLI, the hooks and the agent, it loads its code, gets what only root can get,
 * drops, and runs one named task. The order comes on stdin, the reply leaves on a descriptor of its own (wire.ts); stdout is left to
 * what modules print.
 */
import { writeFileSync } from 'node:fs';
import { prepareState } from '../config/prepare-state.js';
import { asHsmongerError } from '../errors.js';
import { sqliteAddon } from '../platform/addons.js';
import { accountOf, dropTo } from '../platform/service-user.js';
import { clerkCode } from './clerks/clerk-code.js';
import { withServiceContext, type Interaction } from './context.js';
import { progressLine, replyDescriptor, type Reply, type WorkOrder } from './order.js';
import { gatherPrivileged } from './privileged.js';
import { taskFacts } from './task-facts.js';
import { runTask } from './tasks.js';
import { decode, encode } from './wire.js';

async function main(): Promise<void> {
  const reply = await perform();
  try {
    writeFileSync(replyDescriptor, encode(reply));
  } catch {
    // Whoever asked has gone: nobody is left to be told.
  }
  // The exit code says nothing: the reply does. A module's own threads must not keep the caller waiting.
  process.exit(0);
}

async function perform(): Promise<Reply> {
  try {
    const order = decode((await standardInput()).toString('utf8')) as WorkOrder;
    sqliteAddon();
    if (taskFacts[order.task].clerks === true) clerkCode();
    const account = accountOf(order.instance.user);
    prepareState(order.directories, order.instance, account);
    const privileged = await gatherPrivileged(order.task, order.instance, account);
    dropTo(order.instance.user);
    return {
      ok: true,
      value: await withServiceContext({ ...order, privileged, interaction }, (context) => runTask(context, order.task, order.input)),
    };
  } catch (error) {
    const { code, message, cause } = asHsmongerError(error);
    return { ok: false, code, message, ...(cause instanceof Error && cause.stack !== undefined ? { trace: cause.stack } : {}) };
  }
}

const interaction: Interaction = {
  progress: (done, total, part) => {
    writeFileSync(replyDescriptor, progressLine({ done, total, part }));
  },
  interruption: () => {
    const interrupted = new AbortController();
    // Not once: a terminal's interrupt comes to the whole group, and from the parent again.
    process.on('SIGINT', () => {
      interrupted.abort();
    });
    return interrupted.signal;
  },
};

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

void main();
