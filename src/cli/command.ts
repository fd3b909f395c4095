import type { Argv } from 'yargs';
import type { Clock } from '../platform/clock.js';
import type { GlobalFlags } from './global-options.js';
import type { Io } from './io.js';

/** What a command works with besides its options. */
export interface Surroundings {
  readonly io: Io;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Where the server's own files are looked up: / unless it is a tree made to look like a server. */
  readonly root?: string;
  /** Ends a wait (`--wait`, `--watch`) when the user interrupts. */
  readonly signal: AbortSignal;
}

/** A command's work: options in, exit code out (0, 1, or 3 when something needs attention). Failures are HsmongerError. */
type Action<A> = (options: A, surroundings: Surroundings) => Promise<number>;

/** Wraps an action into the handler yargs wants; the exit code reaches runCli. */
export type Runner = <A>(action: Action<A>) => (options: A) => Promise<void>;

/** One file per command exports one of these; main.ts lists them. */
export type AddCommand = (yargs: Argv<GlobalFlags>, run: Runner) => Argv<GlobalFlags>;
