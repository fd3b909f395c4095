import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { DogtagIssuerConfig } from '../../config/instance.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { readBoundedFile } from '../../platform/bounded-file.js';

const largest = 64 * 1024;

/** Who may approve requests at the CA; PEM. The key is a secret like a PIN: it stays in this process. */
export interface Agent {
  readonly certificate: string;
  readonly key: string;
}

/**
 * Reads the agent's files (on an IPA server /var/lib/ipa/ra-agent.pem and .key, 0440 root:ipaapi), so as root, before the drop.
 * Undefined where the instance has no agent; AGENT_REFUSED when the files cannot be used.
 */
export function readAgent({ agent }: DogtagIssuerConfig): Agent | undefined {
  if (agent === undefined) return undefined;
  const certificate = read(agent.certificate, 'certificate');
  const key = read(agent.key, 'key');
  const fault = pairFault(certificate, key);
  if (fault !== undefined)
    throw new HsmongerError(
      'AGENT_REFUSED',
      `The agent's files ${agent.certificate} and ${agent.key} ${fault}; correct issuer.agent-certificate and issuer.agent-key.`,
    );
  return { certificate, key };
}

function read(file: string, what: string): string {
  try {
    return readBoundedFile(file, largest).toString('utf8');
  } catch (error) {
    throw new HsmongerError(
      'AGENT_REFUSED',
      `The agent's ${what} ${file} cannot be read: ${sentenceOf(error)}. Correct issuer.agent-${what}, or take the agent out of the instance file: requests then wait for one to approve them.`,
      { cause: error },
    );
  }
}

function pairFault(certificate: string, key: string): string | undefined {
  try {
    const opened = createPrivateKey(key);
    return new X509Certificate(certificate).checkPrivateKey(opened) ? undefined : 'do not belong together';
  } catch {
    // OpenSSL's words could quote the key.
    return 'are not a certificate and an unencrypted private key in PEM';
  }
}
