import type { Outgoing } from './bus.js';
import { messageTypes, type WireMessage } from './wire.js';

/** What goes over the wire for it, but for the serial. */
export function messageOf(outgoing: Outgoing): Omit<WireMessage, 'serial'> {
  switch (outgoing.kind) {
    case 'return':
      return {
        type: messageTypes.return,
        replySerial: outgoing.to.serial,
        destination: outgoing.to.sender,
        signature: outgoing.signature,
        body: outgoing.body,
      };
    case 'error':
      return {
        type: messageTypes.error,
        replySerial: outgoing.to.serial,
        destination: outgoing.to.sender,
        errorName: outgoing.name,
        signature: 's',
        body: [outgoing.message],
      };
    case 'signal': {
      const { path, member, signature, body } = outgoing;
      return { type: messageTypes.signal, path, interface: outgoing.interface, member, signature, body };
    }
  }
}
