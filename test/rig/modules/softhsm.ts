import { createSoftToken } from '../soft-token.js';
import { withOwner, type MakeRig } from './rig.js';

export const softHsm: MakeRig = async (place) => {
  const { label, module, environment, pin, pinFile } = await createSoftToken({ ...place, label: 'soft token' });
  return {
    name: 'SoftHSM2',
    label,
    pin,
    pinFile,
    ...withOwner(place),
    token: { selector: { by: 'label', label }, module, environment, pin: { from: 'file', path: pinFile } },
    stop: () => Promise.resolve(),
  };
};
