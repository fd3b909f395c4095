import path from 'node:path';
import { runAs } from '../run-as.js';
import { library, ownDirectory, ownFile, securityOfficerPin, userPin, withOwner, type MakeRig } from './rig.js';
import { startServer } from './server.js';

const label = 'tpm token';

/**
 * tpm2-pkcs11 on a TPM in software. swtpm's socket takes one client at a time: a second process waits until the first has closed the
 * module. There is no resource manager between them, so tpm2_ptool, which leaves its objects in the TPM's three places, cannot make the
 * token; C_InitToken can.
 */
export const tpm2: MakeRig = async (place) => {
  const { owner } = place;
  const state = ownDirectory(place, 'tpm');
  const [socket, control] = [path.join(state, 'socket'), `${path.join(state, 'socket')}.ctrl`];
  const environment = {
    TPM2_PKCS11_STORE: ownDirectory(place, 'tpm-store'),
    TPM2_PKCS11_TCTI: `swtpm:path=${socket}`,
    TPM2_PKCS11_LOG_LEVEL: '0',
    TSS2_LOG: 'all+NONE',
  };
  const args = [
    'socket',
    '--tpm2',
    '--tpmstate',
    `dir=${state}`,
    '--server',
    `type=unixio,path=${socket}`,
    '--ctrl',
    `type=unixio,path=${control}`,
    '--flags',
    'not-need-init,startup-clear',
  ];
  const stop = await startServer(place, { program: 'swtpm', args, socket });
  const module = library('pkcs11/libtpm2_pkcs11.so');
  const tool = (...args: string[]) => runAs(owner, 'pkcs11-tool', ['--module', module, ...args], { env: environment });
  await tool('--slot-index', '0', '--init-token', '--label', label, '--so-pin', securityOfficerPin);
  await tool('--token-label', label, '--login', '--login-type', 'so', '--so-pin', securityOfficerPin, '--init-pin', '--pin', userPin);
  const pinFile = ownFile(place, 'tpm.pin', userPin);
  return {
    name: 'tpm2-pkcs11',
    label,
    pin: userPin,
    pinFile,
    ...withOwner(place),
    token: { selector: { by: 'label', label }, module, environment, pin: { from: 'file', path: pinFile } },
    stop,
  };
};
