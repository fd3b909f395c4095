import type { ServiceContext } from './context.js';
import { inspectToken } from './tasks/inspect-token.js';
import { readLedger } from './tasks/read-ledger.js';

/** Everything that runs as the service user, by name. A task takes the context and one input that V8 can serialise. */
const tasks = {
  'inspect token': inspectToken,
  'read ledger': readLedger,
} as const satisfies Record<string, (context: ServiceContext, input: never) => Promise<unknown>>;

type Tasks = typeof tasks;
export type TaskName = keyof Tasks;
export type TaskInput<K extends TaskName> = Parameters<Tasks[K]>[1];
export type TaskOutput<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

/** Runs a task named by the parent process, which has checked the types. */
export function runTask(context: ServiceContext, name: TaskName, input: unknown): Promise<unknown> {
  return (tasks[name] as (context: ServiceContext, input: unknown) => Promise<unknown>)(context, input);
}
