import { runAs } from '../run-as.js';
import { library, ownDirectory, ownFile, userPin, withOwner, type MakeRig } from './rig.js';

const label = 'nss token';

/**
 * NSS's own token on a database made by certutil. It starts only with library parameters (CKR_ARGUMENTS_BAD without), cannot be initialised
 * through C_InitToken before it has a database, and shows a second token that holds nothing and can be named like the first.
 */
export const softokn: MakeRig = async (place) => {
  const database = ownDirectory(place, 'nssdb');
  const pinFile = ownFile(place, 'nss.pin', userPin);
  await runAs(place.owner, 'certutil', ['-N', '-d', `sql:${database}`, '-f', pinFile]);
  const parameters = `configdir='sql:${database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= dbTokenDescription='${label}' cryptoTokenDescription='nss crypto'`;
  return {
    name: 'NSS softokn',
    label,
    pin: userPin,
    pinFile,
    ...withOwner(place),
    token: {
      selector: { by: 'label', label },
      module: library('libsoftokn3.so'),
      parameters,
      environment: {},
      pin: { from: 'file', path: pinFile },
    },
    stop: () => Promise.resolve(),
  };
};
