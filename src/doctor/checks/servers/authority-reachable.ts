import type { Check } from '../../check.js';

export const authorityReachable: Check = {
  source: 'hsmonger.servers',
  name: 'AuthorityReachable',
  about: 'The CA behind the network answers over TLS.',
  run: ({ servers: { authority } }) => {
    if (authority === undefined)
      return [{ severity: 'success', key: 'authority', message: 'No CA behind the network issues for this instance.' }];
    const { url, answer } = authority;
    return answer.known
      ? [{ severity: 'success', key: url, message: `The CA at ${url} answers.` }]
      : [
          {
            severity: 'error',
            key: url,
            message: `The CA at ${url} could not be asked: ${answer.why}`,
            fix: 'Bring it back, or correct issuer.url and issuer.ca-file in the instance file.',
          },
        ];
  },
};
