import { setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '../../../../src/cli/main.js';
import type { IpaServer } from '../../../rig/ipa-server.js';
import type { Said } from '../../site.js';

/** The command on a machine made to look like an IPA server. */
export async function hsmongerOn(server: IpaServer, ...argv: string[]): Promise<Said> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    interactive: false,
    colour: false,
  };
  const exitCode = await runCli([...argv, ...server.here], io, {}, server.root);
  return { exitCode, out, err };
}

/** getcert's list when nothing is on the way. */
export async function restedOn(server: IpaServer): Promise<string> {
  for (const end = Date.now() + 60_000; ; await sleep(300)) {
    const listed = await server.listing();
    const states = [...listed.matchAll(/status: (\S+)/gu)].map(([, state]) => state);
    if (states.every((state) => state === 'MONITORING' || state === 'NEWLY_ADDED_NEED_KEYINFO_READ_TOKEN')) return listed;
    if (Date.now() > end) throw new Error(listed);
  }
}

/** getcert's records by request id. */
export function records(listed: string): Map<string, string> {
  return new Map(
    [...listed.matchAll(/^Request ID '(?<id>[^']+)':\n(?<text>(?:\t.*\n)+)/gmu)].map(({ groups }) => [groups!['id']!, groups!['text']!]),
  );
}
