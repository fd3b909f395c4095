import { parseCertificate } from '../../../x509/parse-certificate.js';
import type { Check } from '../../check.js';
import { orFine } from '../../known.js';
import { expiryFinding } from '../chain/expiry.js';

export const agentCertificate: Check = {
  source: 'hsmonger.servers',
  name: 'AgentCertificate',
  about: 'The certificate that lets the CA approve renewals is valid for 28 days or more.',
  run: ({ servers: { authority }, now }) => {
    const agent = authority?.agent;
    if (agent === undefined) return [{ severity: 'success', key: 'agent', message: 'This instance has no agent of its own at a CA.' }];
    if (!agent.known)
      return [
        {
          severity: 'error',
          key: 'agent',
          message: `The certificate of the agent at the CA cannot be read: ${agent.why}`,
          fix: 'Correct issuer.agent-certificate in the instance file.',
        },
      ];
    const renewal = 'Renew it at once: without it nothing is approved, itself neither (ipa-cert-fix on an IPA server).';
    return orFine(
      expiryFinding(
        parseCertificate(agent.value, "The agent's certificate"),
        now,
        'agent',
        'The certificate of the agent at the CA',
        renewal,
      ),
      'The certificate of the agent at the CA lasts for 28 days or more.',
      'agent',
    );
  },
};
