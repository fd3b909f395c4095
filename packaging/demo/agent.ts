import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { AgentSnapshot } from '../../src/agent/report/snapshot.js';
import { startAgent } from '../../test/rig/agent.js';

export interface AgentShowGiven {
  readonly hsmonger: string;
  readonly flags: readonly string[];
  readonly tokenDirectory: string;
  readonly nickname: string;
  readonly say: (text?: string) => void;
  /** Runs the command for all to see; gives its exit code. */
  readonly cli: (...args: string[]) => Promise<number | undefined>;
}

const patienceMs = 60_000;

/** The token is taken away while a certificate is being renewed, and given back: what the agent sees and does of it, as facts. */
export async function showAgent({ hsmonger, flags, tokenDirectory, nickname, say, cli }: AgentShowGiven): Promise<[string, boolean][]> {
  const agent = startAgent(flags);
  const away = `${tokenDirectory}.away`;
  const seen = async (): Promise<AgentSnapshot | undefined> => {
    const { stdout } = await execa(hsmonger, [...flags, 'agent', 'status', '--json'], { reject: false, timeout: 30_000 });
    return stdout === '' ? undefined : (JSON.parse(stdout) as AgentSnapshot);
  };
  /** The first snapshot that shows it; undefined where none does in time. */
  const until = async (shows: (snapshot: AgentSnapshot) => boolean): Promise<AgentSnapshot | undefined> => {
    for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(300)) {
      const snapshot = await seen();
      if (snapshot !== undefined && shows(snapshot)) return snapshot;
    }
    return undefined;
  };
  const certificateIn = ({ instances }: AgentSnapshot) =>
    instances.flatMap(({ certificates }) => certificates).find((one) => one.nickname === nickname);

  try {
    await until(({ instances }) => instances.some(({ token }) => token?.login === 'proven'));
    say('\n$ hsmonger agent &');
    await cli('agent', 'status');

    renameSync(tokenDirectory, away);
    say('\n$ mv tokens tokens.away');
    await cli('renew', '--wait', '20', nickname);
    const noticed = await until((snapshot) => certificateIn(snapshot)?.diagnosis?.cause === 'token-away');
    await cli('agent', 'status');
    await cli('status');

    renameSync(away, tokenDirectory);
    say('\n$ mv tokens.away tokens');
    const back = Date.now();
    const healed = await until(
      (snapshot) =>
        snapshot.events.some((event) => event.kind === 'healed' && event.nickname === nickname) &&
        certificateIn(snapshot)?.state === 'MONITORING',
    );
    for (const { kind, message } of healed?.events ?? []) say(`  ${kind.padEnd(8)} ${message}`);
    say(healed === undefined ? '  Nothing was healed.' : `  healed ${((Date.now() - back) / 1000).toFixed(1)} s after the token came back`);
    const agentExit = await cli('agent', 'status');
    const doctorExit = await cli('doctor', '--login', '--failures-only');
    return [
      ['the agent noticed that the token was away', noticed !== undefined],
      [
        'it finished the renewal once the token was back',
        healed?.events.some(({ kind, nickname: of }) => kind === 'renewed' && of === nickname) === true,
      ],
      ['agent and doctor say that nothing is wrong', agentExit === 0 && doctorExit === 0],
    ];
  } finally {
    await agent.stop();
  }
}
