import path from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from '../../src/platform/run.js';
import { dropTo, type Account } from '../../src/platform/service-user.js';

const root = path.resolve(import.meta.dirname, '../..');

interface Parcel {
  readonly owner?: string;
  readonly input: unknown;
}

/**
 * Runs a script of test/rig in a process of its own and returns what it answers. The script is read as root, then becomes `owner`:
 * the checkout may lie below a closed home directory. A PIN travels on stdin.
 */
export async function runWorker(script: string, owner: Account | undefined, input: unknown): Promise<unknown> {
  const parcel: Parcel = { ...(owner === undefined ? {} : { owner: owner.name }), input };
  const { stdout } = await run(process.execPath, ['--import', 'tsx', path.join(import.meta.dirname, script)], {
    cwd: root,
    input: JSON.stringify(parcel),
    timeoutMs: 300_000,
  });
  return JSON.parse(stdout) as unknown;
}

/** The other end, inside the script; `prepare` is still root. */
export async function serveWorker<T = undefined>(
  work: (input: unknown, prepared: T | undefined) => Promise<unknown>,
  prepare?: (input: unknown) => Promise<T>,
): Promise<void> {
  const { owner, input } = JSON.parse(await text(process.stdin)) as Parcel;
  const prepared = await prepare?.(input);
  if (owner !== undefined) dropTo(owner);
  // A directory may still be open; a long answer takes more than one write to the pipe.
  process.stdout.write(JSON.stringify(await work(input, prepared)), () => process.exit(0));
}
