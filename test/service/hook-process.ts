import { text } from 'node:stream/consumers';
import { run } from '../../src/platform/run.js';
import { askService } from '../../src/service/ask.js';
import { postSave, preSave } from '../../src/service/hooks.js';
import { fakeSystemd } from '../renewal/fake-systemd.js';

/** One run of a hook, as root, with a systemd of the test's; only that and the system log are not real. */
export interface HookOrder {
  readonly hook: 'pre-save' | 'post-save';
  readonly argv: readonly string[];
  /** Where the fake systemd keeps its units. */
  readonly systemd: string;
  /** Kills itself at the first call that begins so. */
  readonly die?: { readonly at: string; readonly when: 'before' | 'after' };
  readonly failing?: string;
}

const order = JSON.parse(await text(process.stdin)) as HookOrder;
const dying = (call: string, when: 'before' | 'after') => {
  if (order.die?.when === when && call.startsWith(order.die.at)) process.kill(process.pid, 'SIGKILL');
};
const systemd = fakeSystemd(order.systemd, { onCall: dying, otherwise: run, failing: () => order.failing });
const ask = (async (to, task, input) => {
  dying(`ask ${task}`, 'before');
  const answer = await askService(to, task, input);
  dying(`ask ${task}`, 'after');
  return answer;
}) as typeof askService;
process.exitCode = await (order.hook === 'pre-save' ? preSave : postSave)(order.argv, {}, { ask, run: systemd.run });
