import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectCertmonger } from '../../dbus/certmonger.js';
import { connectBus } from '../../dbus/connect.js';
import { openLaboratory, type Laboratory } from './laboratory.js';

let lab: Laboratory;
beforeAll(async () => {
  lab = await openLaboratory();
});
afterAll(async () => {
  await lab.close();
});

/** Every member of every interface as one line: "org.x method add_request(in a{sv}, out b, out o)". */
function membersOf(xml: string): Set<string> {
  const attribute = (text: string, name: string) => new RegExp(`\\b${name}="([^"]*)"`, 'u').exec(text)?.[1] ?? '';
  const members = new Set<string>();
  for (const [, header = '', body = ''] of xml.matchAll(/<interface ([^>]*)>(.*?)<\/interface>/gsu)) {
    const owner = attribute(header, 'name');
    for (const [, kind = '', head = '', args = ''] of body.matchAll(/<(method|signal) ([^>]*)>(.*?)<\/\1>/gsu)) {
      const signature = [...args.matchAll(/<arg ([^>]*)\/>/gu)].map(([, arg = '']) =>
        `${attribute(arg, 'direction')} ${attribute(arg, 'type')}`.trim(),
      );
      members.add(`${owner} ${kind} ${attribute(head, 'name')}(${signature.join(', ')})`);
    }
    for (const [, head = ''] of body.matchAll(/<property ([^>]*?)\/?>/gu))
      members.add(`${owner} property ${attribute(head, 'name')} ${attribute(head, 'type')} ${attribute(head, 'access')}`);
  }
  return members;
}

it('every method, signal and property of our contract exists in the running daemon, with that signature and access', async () => {
  const certmonger = await connectCertmonger(lab.bus.address);
  await certmonger.addRequest(lab.requestFor('ocspSigningCert cert-pki-ca', 'ocsp', 'local'));
  const paths = [
    '/org/fedorahosted/certmonger',
    (await certmonger.request('ocsp').read()).path,
    (await certmonger.ca('local').find())!.path,
  ];
  certmonger.disconnect();

  const bus = await connectBus(lab.bus.address);
  const actual = new Set<string>();
  for (const object of paths) {
    const { body } = await bus.call({
      destination: 'org.fedorahosted.certmonger',
      path: object,
      interface: 'org.freedesktop.DBus.Introspectable',
      member: 'Introspect',
    });
    for (const member of membersOf(String(body[0]))) actual.add(member);
  }
  bus.disconnect();

  const declared = [...membersOf(readFileSync(path.join(import.meta.dirname, '../../dbus/certmonger.xml'), 'utf8'))];
  expect(declared.length).toBeGreaterThan(80);
  expect(declared.filter((member) => !actual.has(member))).toEqual([]);
});

it('every property the client reads or writes is in our contract', () => {
  const contract = readFileSync(path.join(import.meta.dirname, '../../dbus/certmonger.xml'), 'utf8');
  const declared = new Set([...contract.matchAll(/<property name="([^"]*)"/gu)].map(([, name]) => name));
  const sources = ['tracking-request.ts', 'known-ca.ts', 'request-settings.ts']
    .map((file) => readFileSync(path.join(import.meta.dirname, '../../dbus', file), 'utf8'))
    .join('\n');
  const read = [...sources.matchAll(/(?:text|flag|count|date|list|certificates)\('([a-z-]+)'\)/gu)].map(([, name]) => name);
  const sent = [...sources.matchAll(/\['([a-z-]+)', '(?:b|s|x|as)'\]/gu)].map(([, name]) => name);
  expect(read.length + sent.length).toBeGreaterThan(60);
  expect([...read, ...sent].filter((name) => !declared.has(name))).toEqual([]);
});
