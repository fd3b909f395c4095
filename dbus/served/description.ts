/** Name and D-Bus signature of each argument, in order. */
export type Arguments = readonly (readonly [name: string, signature: string])[];

/** One interface as it is served and introspected (D-Bus specification, Introspection Data Format). */
export interface InterfaceDescription {
  readonly name: string;
  readonly methods: Readonly<Record<string, { readonly in: Arguments; readonly out: Arguments }>>;
  readonly signals: Readonly<Record<string, Arguments>>;
  /** Signature by name; all can only be read. */
  readonly properties: Readonly<Record<string, string>>;
}

export function signatureOf(args: Arguments): string {
  return args.map(([, signature]) => signature).join('');
}

/** The XML `busctl introspect` reads; names and signatures are ours, so nothing is to be escaped. */
export function introspectionOf(described: readonly InterfaceDescription[]): string {
  return `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n<node>\n${described.map(interfaceXml).join('')}</node>\n`;
}

function interfaceXml({ name, methods, signals, properties }: InterfaceDescription): string {
  const method = ([member, args]: [string, { readonly in: Arguments; readonly out: Arguments }]) =>
    element('method', member, [...args.in.map((arg) => argXml(arg, 'in')), ...args.out.map((arg) => argXml(arg, 'out'))]);
  const body = [
    ...Object.entries(methods).map(method),
    ...Object.entries(signals).map(([member, args]) =>
      element(
        'signal',
        member,
        args.map((arg) => argXml(arg)),
      ),
    ),
    ...Object.entries(properties).map(([property, type]) => `  <property name="${property}" type="${type}" access="read"/>\n`),
  ];
  return ` <interface name="${name}">\n${body.join('')} </interface>\n`;
}

function element(tag: string, name: string, args: readonly string[]): string {
  return args.length === 0 ? `  <${tag} name="${name}"/>\n` : `  <${tag} name="${name}">\n${args.join('')}  </${tag}>\n`;
}

function argXml([name, type]: Arguments[number], direction?: 'in' | 'out'): string {
  return `   <arg name="${name}" type="${type}"${direction === undefined ? '' : ` direction="${direction}"`}/>\n`;
}
