import { asHsmongerError, HsmongerError, type ErrorCode } from '../../src/errors.js';
import type { Bus, IncomingCall } from '../bus.js';
import { Variant } from '../wire.js';
import { callerOf, type Caller } from './caller.js';
import { introspectionOf, signatureOf, type InterfaceDescription } from './description.js';

export interface ServedObject {
  readonly path: string;
  readonly description: InterfaceDescription;
  /** By method name, each of the description; gives the out arguments. */
  readonly methods: Readonly<Record<string, (body: readonly unknown[], caller: Caller) => Promise<readonly unknown[]>>>;
  /** By property name. */
  readonly properties: () => Readonly<Record<string, unknown>>;
  /** Throws NOT_PERMITTED for who must not. `member` is 'Get' for properties, and 'Introspect'. */
  readonly authorise: (caller: Caller, member: string) => Promise<void> | void;
}

const standard = 'org.freedesktop.DBus.Error';
const introspectable: InterfaceDescription = {
  name: 'org.freedesktop.DBus.Introspectable',
  methods: { Introspect: { in: [], out: [['xml_data', 's']] } },
  signals: {},
  properties: {},
};
const peer: InterfaceDescription = {
  name: 'org.freedesktop.DBus.Peer',
  methods: { Ping: { in: [], out: [] } },
  signals: {},
  properties: {},
};
const readable: InterfaceDescription = {
  name: 'org.freedesktop.DBus.Properties',
  methods: {
    Get: {
      in: [
        ['interface_name', 's'],
        ['property_name', 's'],
      ],
      out: [['value', 'v']],
    },
    GetAll: { in: [['interface_name', 's']], out: [['props', 'a{sv}']] },
  },
  signals: {},
  properties: {},
};

/**
 * Answers calls to one object until the connection ends. Every caller is looked up at the bus, for every call: nothing is remembered of who
 * may what.
 */
export function serve(bus: Bus, object: ServedObject): void {
  bus.onCall((call) => {
    void answer(bus, object, call);
  });
}

/** As `object` would, a signal of its interface. */
export function signal(
  bus: Bus,
  { path, description }: Pick<ServedObject, 'path' | 'description'>,
  member: string,
  body: readonly unknown[],
): void {
  bus.send({ kind: 'signal', path, interface: description.name, member, signature: signatureOf(description.signals[member] ?? []), body });
}

/** Never rejects: an answer nobody can be given must not end the process. */
async function answer(bus: Bus, object: ServedObject, call: IncomingCall): Promise<void> {
  try {
    const { signature, body } = await perform(bus, object, call);
    bus.send({ kind: 'return', to: call, signature, body });
  } catch (error) {
    const { name, message } = error instanceof Unserved ? error : named(error);
    // What is quoted may hold what no D-Bus string can (D-Bus specification, Valid strings).
    bus.send({ kind: 'error', to: call, name, message: message.replace(/\0/gu, '\u{fffd}').replace(/\p{Cs}/gu, '\u{fffd}') });
  }
}

class Unserved extends Error {
  constructor(kind: 'UnknownObject' | 'UnknownInterface' | 'UnknownMethod' | 'UnknownProperty' | 'InvalidArgs', message: string) {
    super(message);
    this.name = `${standard}.${kind}`;
  }
}

interface Answer {
  readonly signature: string;
  readonly body: readonly unknown[];
}

async function perform(bus: Bus, object: ServedObject, call: IncomingCall): Promise<Answer> {
  const { description } = object;
  if (call.path !== object.path) {
    // So that `busctl tree` finds the object.
    const below = object.path.startsWith(call.path === '/' ? '/' : `${call.path}/`);
    if (below && call.member === 'Introspect') return { signature: 's', body: [nodeXml(call.path, object.path)] };
    throw new Unserved('UnknownObject', `There is no object '${call.path}' here; there is ${object.path}.`);
  }
  const served = [description, introspectable, peer, readable].find(({ name, methods }) =>
    call.interface === '' ? methods[call.member] !== undefined : name === call.interface,
  );
  if (served === undefined) throw new Unserved('UnknownInterface', `${object.path} has no interface '${call.interface}'.`);
  const method = Object.hasOwn(served.methods, call.member) ? served.methods[call.member] : undefined;
  if (method === undefined) throw new Unserved('UnknownMethod', `The interface ${served.name} has no method '${call.member}'.`);
  if (served !== peer) await object.authorise(await callerOf(bus, call.sender), served === readable ? 'Get' : call.member);
  if (call.signature !== signatureOf(method.in))
    throw new Unserved('InvalidArgs', `${call.member} takes '${signatureOf(method.in)}', not '${call.signature}'.`);
  return { signature: signatureOf(method.out), body: await result(bus, object, served, call) };
}

async function result(bus: Bus, object: ServedObject, served: InterfaceDescription, call: IncomingCall): Promise<readonly unknown[]> {
  switch (served) {
    case peer:
      return [];
    case introspectable:
      return [introspectionOf([object.description, introspectable, peer, readable])];
    case readable:
      return propertyAnswer(object, call);
    default:
      return (await object.methods[call.member]?.(call.body, await callerOf(bus, call.sender))) ?? [];
  }
}

function propertyAnswer({ description, properties }: ServedObject, { member, body }: IncomingCall): readonly unknown[] {
  const [of, property] = body as [string, string?];
  const types = of === description.name || of === '' ? description.properties : {};
  const values = properties();
  const variants = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, new Variant(type, values[name])]));
  if (member === 'GetAll') return [variants];
  const found = Object.hasOwn(variants, property ?? '') ? variants[property ?? ''] : undefined;
  if (found === undefined) throw new Unserved('UnknownProperty', `The interface '${of}' has no property '${property ?? ''}'.`);
  return [found];
}

function nodeXml(from: string, to: string): string {
  const [child = ''] = to.slice(from === '/' ? 1 : from.length + 1).split('/');
  return `<node>\n <node name="${child}"/>\n</node>\n`;
}

/** Where D-Bus has a word of its own for it, that one. */
const words: Partial<Record<ErrorCode, string>> = { NOT_PERMITTED: `${standard}.AccessDenied`, USAGE: `${standard}.InvalidArgs` };

function named(error: unknown): { readonly name: string; readonly message: string } {
  const { code, message } = error instanceof HsmongerError ? error : asHsmongerError(error);
  return { name: words[code] ?? `org.hsmonger.Error.${code}`, message };
}
