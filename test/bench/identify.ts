import path from 'node:path';
import { installation } from '../../src/platform/installation.js';
import { bareNode, program } from './program.js';
import { interleave } from './rounds.js';
import { compare, type Comparison } from './row.js';

/** What certmonger runs eight of at each start: the helper answering without a token. */
export async function benchIdentify(rounds: number): Promise<Comparison[]> {
  const helper = path.join(installation().executables, 'hsmonger-submit');
  const env = { CERTMONGER_OPERATION: 'IDENTIFY', CERTMONGER_CA_NICKNAME: 'hsmonger' };
  const { ours, node } = await interleave(rounds, {
    ours: () => {
      if (program(helper, [], { env }).toString() !== 'hsmonger\n') throw new Error('IDENTIFY was not answered.');
    },
    node: bareNode,
  });
  return [compare('helper IDENTIFY / node -e 0', { atMost: 1.3 }, ours, node)];
}
