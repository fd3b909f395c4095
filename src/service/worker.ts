/**
 * The process that works as the service user: started by the CLI, the hooks and later the agent, it loads its code, drops, and runs
 * one named task. The order comes on stdin, the reply leaves on a descriptor of its own (wire.ts); stdout is left to what modules print.
 */
import { writeFileSync } from 'node:fs';
import { prepareState } from '../config/prepare-state.js';
import { openDirectory } from '../directory/open.js';
import { asHsmongerError } from '../errors.js';
import { sqliteAddon } from '../platform/addons.js';
import { accountOf, dropTo } from '../platform/service-user.js';
import { withServiceContext } from './context.js';
import { replyDescriptor, type Reply, type WorkOrder } from './order.js';
import { runTask, wantsDirectory } from './tasks.js';
import { decode, encode } from './wire.js';

async function main(): Promise<void> {
  const reply = await perform();
  writeFileSync(replyDescriptor, encode(reply));
  // The exit code says nothing: the reply does. A module's own threads must not keep the caller waiting.
  process.exit(0);
}

async function perform(): Promise<Reply> {
  try {
    const order = decode((await standardInput()).toString('utf8')) as WorkOrder;
    sqliteAddon();
    const account = accountOf(order.instance.user);
    prepareState(order.directories, order.instance, account);
    const { directory: config } = order.instance;
    // The privileged bind; what comes over the connection is read after the drop.
    const directory = config !== undefined && wantsDirectory(order.task) ? await openDirectory(config, { owner: account }) : undefined;
    dropTo(order.instance.user);
    return { ok: true, value: await withServiceContext({ ...order, ...(directory === undefined ? {} : { directory }) }, (context) => runTask(context, order.task, order.input)) };
  } catch (error) {
    const { code, message, cause } = asHsmongerError(error);
    return { ok: false, code, message, ...(cause instanceof Error && cause.stack !== undefined ? { trace: cause.stack } : {}) };
  }
}

async function standardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

void main();
