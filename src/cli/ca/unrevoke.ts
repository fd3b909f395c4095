import type { AddCommand, Surroundings } from '../command.js';
import { revoked, revokeCertificate, type RevokeOptions } from './revoke.js';

/** `ca unrevoke`: takes a hold back. */
export const addUnrevoke: AddCommand = (yargs, run) =>
  yargs.command(
    'unrevoke <certificate>',
    'End the hold of a certificate (revoke --reason certificateHold)',
    (ca) => ca.positional('certificate', revoked),
    run(unrevokeCertificate),
  );

function unrevokeCertificate(options: Omit<RevokeOptions, 'reason' | 'invalidity'>, surroundings: Surroundings): Promise<number> {
  return revokeCertificate({ ...options, reason: 'removeFromCRL', invalidity: undefined }, surroundings);
}
