// The parts of dbus-next we use: its wire code, without its bus object (see wire.ts). Its own types cover only the package's entry.
declare module 'dbus-next/lib/handshake.js' {
  import type { Socket } from 'node:net';
  const authenticate: (stream: Socket, options: { readonly authMethods: readonly string[] }, done: (error: unknown) => void) => void;
  export default authenticate;
}

declare module 'dbus-next/lib/message.js' {
  interface Reader {
    on(event: string, listener: () => void): unknown;
    read(size: number): Buffer | null;
  }
  const message: { readonly unmarshalMessages: (stream: Reader, onMessage: (raw: object) => void, options: object) => void };
  export default message;
}

declare module 'dbus-next/lib/marshall-compat.js' {
  const compat: {
    readonly messageToJsFmt: (raw: object) => object;
    readonly marshallMessage: (message: object) => [data: Buffer, fds: unknown[]];
  };
  export default compat;
}

declare module 'dbus-next/lib/variant.js' {
  interface Variant {
    readonly signature: string;
    readonly value: unknown;
  }
  const variant: { readonly Variant: new (signature: string, value: unknown) => Variant };
  export default variant;
}
