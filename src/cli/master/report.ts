import type { SeenServer, ServersLook } from '../../renewal/look-at-servers.js';
import { columns, harmless, painted } from '../output.js';

const header = ['SERVER', 'CA', 'KRA', 'RENEWAL MASTER', 'ANSWERS'];

export function serverTable({ servers, alarm }: ServersLook, colour: boolean): string {
  const table = columns(
    header,
    servers.map((server) => cells(server)),
    colour,
  );
  return table + (alarm === undefined ? '' : `${painted({ text: harmless(alarm), style: 'yellow' }, colour)}\n`);
}

function cells({ host, ca, kra, renewalMaster, here, reachable }: SeenServer) {
  return [
    { text: here ? `${host} (this one)` : host },
    { text: ca ? 'yes' : '-' },
    { text: kra ? 'yes' : '-' },
    renewalMaster ? { text: 'yes', style: 'green' as const } : { text: '-' },
    here ? { text: '-' } : reachable === undefined ? { text: '?' } : reachable ? { text: 'yes' } : { text: 'no', style: 'red' as const },
  ];
}
