import type { Check } from '../../check.js';

export const directoryReachable: Check = {
  source: 'hsmonger.servers',
  name: 'DirectoryReachable',
  about: 'The directory the servers share answers, and lets this server read what it needs.',
  run: ({ servers: { directory }, instance }) => {
    if (directory === undefined) return [{ severity: 'success', key: 'directory', message: 'This instance has no directory.' }];
    const uri = instance.directory?.uri ?? 'directory';
    return directory.known
      ? [{ severity: 'success', key: uri, message: `The directory ${uri} answers.` }]
      : [
          {
            severity: 'error',
            key: uri,
            message: `The directory ${uri} could not be asked: ${directory.why}`,
            fix: 'Start it, or correct [directory] in the instance file.',
          },
        ];
  },
};
