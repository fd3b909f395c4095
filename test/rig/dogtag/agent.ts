import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Chroot } from './chroot.js';
import { places, url } from './server.js';

/** PEM files of an agent. */
interface AgentFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Puts a request to the CA with nobody's name to it, as certmonger's dogtag-submit does; gives the request's number. */
export async function submitRequest(chroot: Pick<Chroot, 'root' | 'enter'>, profile: string, csrPem: string): Promise<string> {
  const answer = await curl(chroot, [
    '--data-urlencode',
    `profileId=${profile}`,
    '--data-urlencode',
    'cert_request_type=pkcs10',
    '--data-urlencode',
    `cert_request=${csrPem}`,
    '--data',
    'xml=true',
    `${url}/ca/ee/ca/profileSubmit`,
  ]);
  const id = /<RequestId>\s*(\w+)\s*<\//u.exec(answer)?.[1];
  if (id === undefined) throw new Error(`The CA took no request for ${profile}: ${answer}`);
  return id;
}

/** Approves a waiting request as the agent, by the REST API; gives the certificate's serial number as the CA writes it. */
export async function approveRequest(chroot: Pick<Chroot, 'root' | 'enter'>, agent: AgentFiles, id: string): Promise<string> {
  const as = ['--cert', agent.certificate, '--key', agent.key, '--header', 'Accept: application/json'];
  const review = path.join(chroot.root, `run/review-${id}.json`);
  writeFileSync(review, await curl(chroot, [...as, `${url}/ca/rest/agent/certrequests/${id}`]));
  await curl(chroot, [
    ...as,
    '--header',
    'Content-Type: application/json',
    '--data-binary',
    `@${review}`,
    `${url}/ca/rest/agent/certrequests/${id}/approve`,
  ]);
  const { certId, requestStatus } = JSON.parse(
    await curl(chroot, ['--header', 'Accept: application/json', `${url}/ca/rest/certrequests/${id}`]),
  ) as { readonly certId?: string; readonly requestStatus?: string };
  if (certId === undefined) throw new Error(`Request ${id} is ${String(requestStatus)} after its approval.`);
  return certId;
}

/** PEM of a certificate the CA issued. */
export async function certificateOf(chroot: Pick<Chroot, 'root' | 'enter'>, serial: string): Promise<string> {
  const { Encoded } = JSON.parse(await curl(chroot, ['--header', 'Accept: application/json', `${url}/ca/rest/certs/${serial}`])) as {
    readonly Encoded: string;
  };
  return `${Encoded.trim().replaceAll('\r', '')}\n`;
}

async function curl({ root, enter }: Pick<Chroot, 'root' | 'enter'>, args: readonly string[]): Promise<string> {
  const { stdout } = await enter('curl', [
    '--silent',
    '--show-error',
    '--fail',
    '--max-time',
    '60',
    '--cacert',
    places(root).caFile,
    ...args,
  ]);
  return stdout;
}

/**
 * The CA's own user for the registration authority, as FreeIPA makes it: CN=IPA RA, uid ipara, an agent. Its files lie where places() says.
 */
export async function createAgent(chroot: Chroot, subjectBase: string, password: string): Promise<void> {
  const { agent, admin } = places(chroot.root);
  const pem = (name: string) => `/srv/pem/${name}`;
  const subject = `/${subjectBase.split(',').reverse().join('/')}/CN=IPA RA`;
  await chroot.inside('openssl', [
    'req',
    '-new',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    pem('ra-agent.key'),
    '-subj',
    subject,
    '-out',
    pem('ra-agent.csr'),
  ]);
  const id = await submitRequest(chroot, 'caSubsystemCert', readFileSync(path.join(chroot.root, 'srv/pem/ra-agent.csr'), 'utf8'));
  writeFileSync(agent.certificate, await certificateOf(chroot, await approveRequest(chroot, admin, id)));
  const pki = (...args: string[]) =>
    chroot.inside('pki', ['-U', url, '--ignore-cert-status', 'UNTRUSTED_ISSUER', '-u', 'caadmin', '-w', password, ...args], {
      timeoutMs: 120_000,
    });
  await pki('ca-user-add', 'ipara', '--fullName', 'ipara', '--type', 'agentType');
  for (const group of ['Certificate Manager Agents', 'Registration Manager Agents', 'Security Domain Administrators'])
    await pki('ca-user-membership-add', 'ipara', group);
  await pki('ca-user-cert-add', 'ipara', '--input', pem('ra-agent.pem'));
}
