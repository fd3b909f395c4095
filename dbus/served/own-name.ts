import { HsmongerError } from '../../src/errors.js';
import type { Bus } from '../bus.js';

const doNotQueue = 4;
const primaryOwner = 1;
const alreadyOwner = 4;

/** Takes the name, or says why it cannot: STATE_BUSY where somebody has it, NOT_PERMITTED where the bus's policy does not let us. */
export async function ownName(bus: Pick<Bus, 'call'>, name: string): Promise<void> {
  const { body } = await bus.call({
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'RequestName',
    signature: 'su',
    body: [name, doNotQueue],
  });
  if (body[0] === primaryOwner || body[0] === alreadyOwner) return;
  throw new HsmongerError('STATE_BUSY', `Another process has the bus name ${name} already; is an agent running?`);
}
