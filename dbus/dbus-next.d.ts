// The parts of dbus-next we use: its wire code, without its bus object (see wire.ts). Its own types cover only the package's entry.
declare module 'dbus-next/lib/handshake.js' {
  import type { Socket } from 'node:net';
  const authenticate: (stream: Socket, options: { readonly authMethods: readonly string[] }, done: (error: unknown) => void) => void;
  export default authenticate;
}

declare module 'dbus-next/lib/dbus-buffer.js' {
  interface Reading {
    /** All values of a signature. */
    read(signature: string): unknown[];
    readArray(element: unknown, bytes: number): unknown[];
  }
  const DBusBuffer: new (buffer: Buffer, start: number, endian: number, fds: undefined, options: object) => Reading;
  export default DBusBuffer;
}

declare module 'dbus-next/lib/signature.js' {
  const signatures: { readonly parseSignature: (signature: string) => readonly unknown[] };
  export default signatures;
}

declare module 'dbus-next/lib/marshall-compat.js' {
  const compat: {
    readonly messageToJsFmt: (raw: { readonly signature: string; readonly body: unknown[] }) => { readonly body: unknown[] };
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
