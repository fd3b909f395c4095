import type { Check } from '../../check.js';
import { known } from '../../known.js';

export const renewalMaster: Check = {
  source: 'hsmonger.servers',
  name: 'RenewalMaster',
  about: 'Exactly one server renews what all of them share, and it is there.',
  run: ({ servers: { directory } }) => {
    if (directory === undefined)
      return [{ severity: 'success', key: 'master', message: 'This instance has no directory, and renews for itself.' }];
    return known(directory, ({ alarm, servers }) => {
      if (alarm !== undefined)
        return [{ severity: 'error', key: 'master', message: alarm, fix: 'Do what it says; hsmonger master show lists the servers.' }];
      const master = servers.find((server) => server.renewalMaster);
      // For days a server may be down and come back; masterAlarm() says when it is gone.
      if (master?.reachable === false)
        return [
          {
            severity: 'warning',
            key: master.host,
            message: `The renewal master '${master.host}' does not answer now.`,
            fix: 'Bring it back, or look again later: hsmonger master show.',
          },
        ];
      return [{ severity: 'success', key: 'master', message: `The renewal master is '${master?.host ?? ''}'.` }];
    });
  },
};
