import type { Directories, Instance } from '../config/instance.js';
import type { ErrorCode } from '../errors.js';
import type { TaskName } from './tasks.js';

/** What the parent asks of the worker. */
export interface WorkOrder {
  readonly instance: Instance;
  readonly directories: Directories;
  readonly task: TaskName;
  readonly input: unknown;
  /** The variables a PIN source may name: they travel in here, because a child's environment can be read by others. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly trace: string | undefined };
