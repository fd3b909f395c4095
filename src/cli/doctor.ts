import { performance } from 'node:perf_hooks';
import { checks } from '../doctor/checks.js';
import { runChecks } from '../doctor/run.js';
import type { AddCommand, Surroundings } from './command.js';
import { gatherFacts } from './doctor/gather.js';
import { instanceOf, type GlobalOptions } from './global-options.js';
import { harmless } from './output.js';

interface DoctorOptions extends GlobalOptions {
  readonly login: boolean;
}

/** `doctor`: what is wrong, and what to do about it. */
export const addDoctor: AddCommand = (yargs, run) =>
  yargs.command('doctor', 'Look at everything renewals need; say what is wrong and what to do', (doctor) => doctor.option('login', { type: 'boolean', default: false, describe: 'Try the PIN, and sign with every key' }), run(doctor));

async function doctor(options: DoctorOptions, { io, env, clock }: Surroundings): Promise<number> {
  const facts = await gatherFacts({ place: instanceOf(options, env), bus: options.bus, env, now: clock(), login: options.login });
  const results = runChecks(checks, facts, () => performance.now());
  for (const { severity, source, check, key, message } of results) io.out(`${severity} ${source}.${check}.${key}: ${harmless(message)}\n`);
  return results.some(({ severity }) => severity !== 'success') ? 3 : 0;
}
