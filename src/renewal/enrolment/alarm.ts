import { sentenceOf } from '../../errors.js';
import { run } from '../../platform/run.js';

/** Tells the system log and certmonger's journal what needs a person soon. That the log cannot be told changes nothing. */
export async function alarm(message: string): Promise<void> {
  process.stderr.write(`hsmonger-submit: ${message}\n`);
  try {
    await run('logger', ['-t', 'hsmonger-submit', '-p', 'daemon.alert', '--', message], { timeoutMs: 5000 });
  } catch (error) {
    process.stderr.write(`hsmonger-submit: the system log was not told: ${sentenceOf(error)}\n`);
  }
}
