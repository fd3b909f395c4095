/**
 * The process that looks at what one instance's renewals need: started by the agent as root, it drops to the service user for good, opens
 * module and token when first asked to look, and keeps the session as long as that is good. Orders come on stdin, a line each; answers
 * leave on a descriptor of their own.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pinsFile } from '../../config/directories.js';
import { prepareState } from '../../config/prepare-state.js';
import type { Instance } from '../../config/instance.js';
import type { Verdict } from '../../diagnosis/probe.js';
import { openDirectory } from '../../directory/open.js';
import { isRenewalMaster } from '../../directory/servers.js';
import { asHsmongerError } from '../../errors.js';
import { openPinGuard } from '../../ledger/pins.js';
import { sqliteAddon } from '../../platform/addons.js';
import { accountOf, dropTo, type Account } from '../../platform/service-user.js';
import { replyDescriptor } from '../../service/order.js';
import { decode, encode } from '../../service/wire.js';
import type { ProbeLine, ProbeOrder } from './probe-line.js';
import { probeEnvironment } from './environment-probe.js';
import { createTokenProber, type HowToLook, type TokenProber } from './token-prober.js';
import { watchedNicknames } from './watched-keys.js';

/** Others may be logging in, one after the other; to be taken for a hanging module would be worse than to say that nobody answered. */
const queueMs = 20_000;

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  try {
    const order = await next<ProbeOrder>(lines);
    if (order === undefined) return;
    const { instance, directories, bind } = order;
    sqliteAddon();
    const account = accountOf(instance.user);
    prepareState(directories, instance, account);
    const bound = bind ? await bindTo(instance, account) : undefined;
    dropTo(instance.user);
    const eyes = eyesFor(order);
    for (let how = await next<HowToLook>(lines); how !== undefined; how = await next<HowToLook>(lines)) {
      const [around, token] = await Promise.all([probeEnvironment(order), eyes?.look(how)]);
      tell({ kind: 'look', ...around, ...(token === undefined ? {} : { token }), ...(bound === undefined ? {} : { directory: bound }) });
    }
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    tell({ kind: 'end', code, message });
  }
  // The agent is gone, or this cannot go on. Threads of the module must not keep the process.
  process.exit(0);
}

function eyesFor({ instance, directories, env }: ProbeOrder): TokenProber | undefined {
  if (instance.token === undefined) return undefined;
  const pins = openPinGuard(pinsFile(directories, instance), { patienceMs: queueMs });
  return createTokenProber({
    token: instance.token,
    nicknames: watchedNicknames(instance),
    ...(instance.issuer.type === 'token' ? { issuer: instance.issuer } : {}),
    pins,
    env,
    onStep: () => {
      tell({ kind: 'step' });
    },
  });
}

/** Whether the directory takes our bind and answers a question: more than a connection says. */
async function bindTo({ directory }: Instance, owner: Account): Promise<Verdict | undefined> {
  if (directory === undefined) return undefined;
  try {
    const opened = await openDirectory(directory, { owner, watches: false });
    await isRenewalMaster(opened, directory.base, directory.host);
    await opened.close();
    return { ok: true };
  } catch (error) {
    const { code, message } = asHsmongerError(error);
    return { ok: false, code, problem: message };
  } finally {
    tell({ kind: 'step' });
  }
}

function tell(line: ProbeLine): void {
  writeSync(replyDescriptor, `${encode(line)}\n`);
}

async function next<T>(lines: AsyncIterator<string>): Promise<T | undefined> {
  const line = await lines.next();
  return line.done === true ? undefined : (decode(line.value) as T);
}

void main();
