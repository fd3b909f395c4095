import type { Instance } from '../config/instance.js';
import { sentenceOf } from '../errors.js';
import type { run } from '../platform/run.js';
import { restartServer, startServer, stopServer, type Stopped } from '../renewal/server.js';

interface Means {
  readonly run: typeof run;
  readonly tell: (sentence: string) => Promise<void> | void;
}

/**
 * Runs `work` while the PKI server is stopped and starts it again whatever happens. Where it cannot be stopped, `work` is told so, and the server
 * restarted: certificates are saved all the same. A server that does not come up is an error of its own once `work` has succeeded.
 */
export async function whileServerStopped<T>(instance: Instance, { run, tell }: Means, work: (serverRuns: string | undefined) => Promise<T>): Promise<T> {
  let stopped: Stopped | undefined;
  let serverRuns: string | undefined;
  try {
    stopped = await stopServer(instance, run);
    serverRuns = stopped?.trouble;
  } catch (error) {
    serverRuns = sentenceOf(error);
  }
  if (serverRuns !== undefined) {
    serverRuns = `It could not be stopped: ${serverRuns}`;
    await tell(`The PKI server '${instance.pki?.unit ?? ''}' is not stopped for the saving. ${serverRuns}`);
  }
  const start = async () => {
    if (stopped !== undefined) await startServer(stopped, run);
    else if (serverRuns !== undefined) await restartServer(instance, run);
  };
  let result: T;
  try {
    result = await work(serverRuns);
  } catch (error) {
    try {
      await start();
    } catch (trouble) {
      await tell(`The PKI server could not be started: ${sentenceOf(trouble)}`);
    }
    throw error;
  }
  await start();
  return result;
}
