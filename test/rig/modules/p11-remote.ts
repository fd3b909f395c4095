import path from 'node:path';
import { createSoftToken } from '../soft-token.js';
import { library, ownDirectory, withOwner, type MakeRig } from './rig.js';
import { startServer } from './server.js';

/**
 * The token of another machine: p11-kit's server in front of SoftHSM, p11-kit's client as the module. The client knows nothing of SoftHSM.
 */
export const p11Remote: MakeRig = async (place) => {
  const { label, module, environment, pin, pinFile } = await createSoftToken({ ...place, label: 'remote token' });
  const socket = path.join(ownDirectory(place, 'p11-kit'), 'socket');
  const args = ['server', '--foreground', '--provider', module, '--name', socket, `pkcs11:token=${encodeURIComponent(label)}`];
  const stop = await startServer(place, { program: 'p11-kit', args, socket, environment });
  return {
    name: 'p11-kit remote',
    label,
    pin,
    pinFile,
    ...withOwner(place),
    token: {
      selector: { by: 'label', label },
      module: library('pkcs11/p11-kit-client.so'),
      environment: { P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` },
      pin: { from: 'file', path: pinFile },
    },
    stop,
  };
};
