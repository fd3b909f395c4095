import { performance } from 'node:perf_hooks';
import { instanceNames, loadInstance } from '../config/load.js';
import type { Directories } from '../config/instance.js';
import type { Check } from '../doctor/check.js';
import { checks } from '../doctor/checks.js';
import { partsFor } from '../doctor/needs.js';
import { runChecks, withUnseen, type Result } from '../doctor/run.js';
import { worstOf } from '../doctor/severity.js';
import { HsmongerError, sentenceOf } from '../errors.js';
import { writeDurably } from '../platform/durable-file.js';
import { runningAsRoot } from '../platform/service-user.js';
import type { AddCommand, Surroundings } from './command.js';
import { treat, type Examined } from './doctor/fix.js';
import { gatherFacts } from './doctor/gather.js';
import { withDoctorOptions, type DoctorOptions, type DoctorOutput } from './doctor/options.js';
import { humanText } from './doctor/output/human.js';
import { healthcheckJson } from './doctor/output/json.js';
import { nagiosExit, nagiosLine, nagiosUnknown, nagiosUnknownLine } from './doctor/output/nagios.js';
import { prometheusText } from './doctor/output/prometheus.js';
import { chosenChecks, shown } from './doctor/select.js';
import { directoriesOf } from './global-options.js';
import { columns, json } from './output.js';

/** `doctor`: what is wrong, and what to do about it; without the agent. */
export const addDoctor: AddCommand = (yargs, run) =>
  yargs.command('doctor', 'Look at everything renewals need; say what is wrong and what to do', withDoctorOptions, run(doctor));

/** 0 nothing, 3 something needs attention; with nagios a plug-in's own codes, UNKNOWN where the doctor itself fails. */
async function doctor(options: DoctorOptions, surroundings: Surroundings): Promise<number> {
  const { io } = surroundings;
  const chosen = chosenChecks(checks, options);
  if (options.list) {
    io.out(
      options.json
        ? json(chosen.map(({ source, name, about }) => ({ source, check: name, about })))
        : columns(
            ['SOURCE', 'CHECK', 'ABOUT'],
            chosen.map(({ source, name, about }) => [{ text: source }, { text: name }, { text: about }]),
            io.colour,
          ),
    );
    return 0;
  }
  const output = options.output ?? (options.json ? 'json' : 'human');
  try {
    return await examine(options, output, chosen, surroundings);
  } catch (error) {
    if (output !== 'nagios') throw error;
    io.out(nagiosUnknownLine(sentenceOf(error)));
    return nagiosUnknown;
  }
}

async function examine(
  options: DoctorOptions,
  output: DoctorOutput,
  chosen: readonly Check[],
  surroundings: Surroundings,
): Promise<number> {
  if (!runningAsRoot())
    throw new HsmongerError('NOT_PERMITTED', 'The doctor looks at files, certmonger and the token of every instance: run it as root.');
  const { io, clock } = surroundings;
  const at = clock();
  const start = performance.now();
  let found = await lookAtAll(options, chosen, surroundings);
  if (options.fix && (await treat(found.examined, io, options.yes))) found = await lookAtAll(options, chosen, surroundings);
  const { results } = found;
  const text = await rendered(
    output,
    shown(results, options),
    results,
    { at, seconds: (performance.now() - start) / 1000 },
    options.outputFile === undefined && io.colour,
  );
  if (options.outputFile === undefined) io.out(text);
  else write(options.outputFile, text);
  if (output === 'nagios') return nagiosExit(results);
  return worstOf(results) === 'success' ? 0 : 3;
}

/** Readable for all: a collector of metrics reads it, and no secret is in it. */
function write(file: string, text: string): void {
  try {
    writeDurably(file, text, { mode: 0o644 });
  } catch (error) {
    throw new HsmongerError('COMMAND_FAILED', `Cannot write ${file}: ${sentenceOf(error)}. Name another with --output-file.`, {
      cause: error,
    });
  }
}

async function rendered(
  output: DoctorOutput,
  some: readonly Result[],
  all: readonly Result[],
  of: { readonly at: Date; readonly seconds: number },
  colour: boolean,
): Promise<string> {
  switch (output) {
    case 'human':
      return humanText(some, all, colour);
    case 'json':
      return healthcheckJson(some);
    case 'nagios':
      return nagiosLine(all, of.seconds);
    case 'prometheus':
      return prometheusText(all, of);
  }
}

interface Found {
  readonly examined: readonly Examined[];
  readonly results: readonly Result[];
}

async function lookAtAll(options: DoctorOptions, chosen: readonly Check[], { env, clock }: Surroundings): Promise<Found> {
  const directories = directoriesOf(options, env);
  const names = options.allInstances ? instanceNames(directories) : [options.instance];
  if (names.length === 0)
    throw new HsmongerError('CONFIG_NOT_FOUND', `There is no instance file in ${directories.config}; make one with 'hsmonger setup'.`);
  const parts = partsFor(chosen);
  const examined: Examined[] = [];
  const unloaded: Result[] = [];
  for (const name of names) {
    const instance = loaded(directories, name, options.allInstances);
    if (instance instanceof HsmongerError) {
      unloaded.push(brokenFile(name, instance, clock()));
      continue;
    }
    const given = { place: { instance, directories }, bus: options.bus, env, now: clock(), login: options.login };
    const facts = await gatherFacts(given, parts);
    examined.push({
      given,
      results: withUnseen(
        chosen,
        facts,
        runChecks(chosen, facts, () => performance.now()),
      ),
    });
  }
  return { examined, results: [...unloaded, ...examined.flatMap(({ results }) => results)] };
}

/** Of several, one broken file keeps the others from nothing; of the one that was named it is the failure itself. */
function loaded(directories: Directories, name: string, several: boolean) {
  try {
    return loadInstance(directories, name);
  } catch (error) {
    if (several && error instanceof HsmongerError) return error;
    throw error;
  }
}

function brokenFile(instance: string, { message }: HsmongerError, when: Date): Result {
  return {
    source: 'hsmonger.config',
    check: 'InstanceFile',
    instance,
    when,
    duration: 0,
    severity: 'critical',
    key: instance,
    message,
    fix: `Correct the file of instance '${instance}'; nothing of it is renewed until then.`,
  };
}
