import { sameHost } from '../../directory/master-alarm.js';
import { HsmongerError } from '../../errors.js';
import type { SeenServer } from '../../renewal/look-at-servers.js';

/** What naming a renewal master would do. */
export interface NewMaster {
  /** As it stands in the directory. */
  readonly host: string;
  /** It is the only one already. */
  readonly already: boolean;
  /** What somebody should know before, as sentences. */
  readonly concerns: readonly string[];
}

/** Whether `wanted` can renew for all servers; USAGE or PREFLIGHT_FAILED where it cannot. */
export function judgeNewMaster(servers: readonly SeenServer[], wanted: string, withoutKra: boolean): NewMaster {
  const authorities = servers.filter(({ ca }) => ca);
  const chosen = authorities.find(({ host }) => sameHost(host, wanted));
  const names = (list: readonly SeenServer[]) => list.map(({ host }) => `'${host}'`).join(', ');
  if (chosen === undefined)
    throw new HsmongerError(
      'USAGE',
      `'${wanted}' is not a server with a CA, and only one that has the CA can renew; the directory names ${authorities.length === 0 ? 'none' : names(authorities)}.`,
    );
  const withKra = servers.filter(({ kra }) => kra);
  if (!chosen.kra && withKra.length > 0 && !withoutKra) {
    throw new HsmongerError(
      'PREFLIGHT_FAILED',
      `'${chosen.host}' has no KRA, and ${names(withKra)} ${withKra.length === 1 ? 'has' : 'have'}: nobody would renew the KRA's certificates. Name a server that has both, install a KRA there, or say --without-kra.`,
    );
  }
  const others = servers.filter((server) => server.renewalMaster && server !== chosen);
  const already = chosen.renewalMaster && others.length === 0;
  const silent = others.filter(({ reachable }) => reachable === false);
  const unreached = !chosen.here && chosen.reachable === false;
  return {
    host: chosen.host,
    already,
    concerns: [
      ...silent.map(
        ({ host }) =>
          `'${host}', renewal master until now, does not answer. Should it live on behind a broken network, both would renew until the directory reaches it: make sure that it is down.`,
      ),
      ...(unreached && !already ? [`'${chosen.host}' does not answer: until it does, nobody renews.`] : []),
    ],
  };
}
