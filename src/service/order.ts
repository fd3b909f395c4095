import * as v from 'valibot';
import type { InstanceSite } from '../config/instance.js';
import { reactions, type ErrorCode } from '../errors.js';
import type { TaskName } from './tasks.js';
import { decode, encode } from './wire.js';

/** What the parent asks of the worker. */
export interface WorkOrder extends InstanceSite {
  readonly task: TaskName;
  readonly input: unknown;
  /** The variables a PIN source may name: they travel in here, because a child's environment can be read by others. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly trace?: string };

const replySchema = v.variant('ok', [
  v.object({ ok: v.literal(true), value: v.optional(v.unknown()) }),
  v.object({
    ok: v.literal(false),
    code: v.picklist(Object.keys(reactions) as ErrorCode[]),
    message: v.string(),
    trace: v.exactOptional(v.string()),
  }),
]);

/** A reply from what the child wrote; throws on anything else. */
export function parseReply(text: string): Reply {
  const reply = v.parse(replySchema, decode(text));
  return reply.ok ? { ok: true, value: reply.value } : reply;
}

/** How far a task is: lines of it may stand before the reply, which is the last line. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Of the answer, where the task hands it over in parts. */
  readonly part?: unknown;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const progressSchema = v.strictObject({ progress: v.object({ done: count, total: count, part: v.optional(v.unknown()) }) });

/** Undefined for a line that is none. */
export function parseProgress(line: string): Progress | undefined {
  // A reply may be many megabytes.
  if (!line.startsWith(begins)) return undefined;
  try {
    const parsed = v.safeParse(progressSchema, decode(line));
    return parsed.success ? parsed.output.progress : undefined;
  } catch {
    return undefined;
  }
}

export function progressLine(progress: Progress): string {
  return `${encode({ progress })}\n`;
}

const begins = '{"progress":';

/** The child's descriptor for its reply: what a PKCS#11 module prints on stdout must not end up in it. */
export const replyDescriptor = 3;
