import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBell } from '../../src/directory/bell.js';
import { parseHsmConfiguration } from '../../src/directory/ca-entry.js';
import { dnKey, sameDn, split } from '../../src/directory/dn-text.js';
import { and, equals, or, present, startsWith } from '../../src/directory/filter.js';
import { addLdif, modifyLdif, parseLdif } from '../../src/directory/ldif.js';
import { readPasswordFile } from '../../src/directory/password-file.js';
import { failureOf } from '../../src/directory/result-codes.js';
import { accessArguments } from '../../src/directory/tools.js';
import { caServiceDn, renewalDn } from '../../src/directory/tree.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';

const b64 = (value: string) => Buffer.from(value).toString('base64');

describe('filters', () => {
  it.each([
    [equals('cn', 'a'), '(cn=a)'],
    [equals('cn', 'u1)(cn=*'), '(cn=u1\\29\\28cn=\\2a)'],
    [equals('cn', 'a\\b\0é'), '(cn=a\\5cb\\00é)'],
    [startsWith('description', '2;'), '(description=2;*)'],
    [and(present('a'), or(equals('b', '1'), equals('c;binary', '2'))), '(&(a=*)(|(b=1)(c;binary=2)))'],
  ])('%s is %s', (filter, text) => {
    expect(filter).toBe(text);
  });

  it('take no attribute that is none', () => {
    expect(() => equals('cn=*)(x', 'a')).toThrow('no attribute description');
  });
});

describe('names of entries', () => {
  it.each([
    ['a, b+c=d', 'cn=a\\, b\\+c\\=d,cn=ca_renewal,cn=ipa,cn=etc,dc=x'],
    [' #"<;>\\ ', 'cn=\\ #\\"\\<\\;\\>\\\\\\ ,cn=ca_renewal,cn=ipa,cn=etc,dc=x'],
    ['#1', 'cn=\\#1,cn=ca_renewal,cn=ipa,cn=etc,dc=x'],
    ['a\nb', 'cn=a\\0ab,cn=ca_renewal,cn=ipa,cn=etc,dc=x'],
  ])('hold %j as %s', (nickname, dn) => {
    expect(renewalDn('dc=x', nickname)).toBe(dn);
    // Read back by the other half.
    expect(sameDn(dn, renewalDn('dc=x', nickname))).toBe(true);
  });

  it('hold a host', () => {
    expect(caServiceDn('dc=x', 'a.b')).toBe('cn=CA,cn=a.b,cn=masters,cn=ipa,cn=etc,dc=x');
  });
});

describe('names as text', () => {
  it.each([
    ['CN=Certificate Authority,O=EXAMPLE.TEST', 'cn = certificate  authority , o=Example.Test'],
    ['CN=a\\,b,O=x', 'CN="a,b",O=x'],
    ['CN=a\\2Cb,O=x', 'CN=a\\,b,O=x'],
    ['CN=\\C3\\A9,O=x', 'CN=é,O=x'],
    ['OU=a+CN=b,O=x', 'CN=b+OU=a,O=x'],
    ['E=a@b,CN=c', 'EMAILADDRESS=a@b,2.5.4.3=c'],
    ['OID.2.5.4.3=c', 'CN=c'],
  ])('%s is the same as %s', (left, right) => {
    expect(sameDn(left, right)).toBe(true);
  });

  it.each([
    ['CN=a,O=x', 'O=x,CN=a'],
    ['CN=a,O=x', 'CN=a'],
    ['CN=a\\,O=x', 'CN=a,O=x'],
    ['CN=a+O=x', 'CN=a,O=x'],
    ['nonsense', 'nonsense'],
    ['', ''],
  ])('%s is not the same as %s', (left, right) => {
    expect(sameDn(left, right)).toBe(false);
  });

  it('are told apart though their values look like other parts', () => {
    expect(dnKey('CN=a\\,O=b')).not.toBe(dnKey('CN=a,O=b'));
    expect(split('2;7;CN=a\\;b,O="c;d";e', ';')).toEqual(['2', '7', 'CN=a\\;b,O="c;d"', 'e']);
  });
});

describe('LDIF', () => {
  it('is read value by value, attributes in lower case', () => {
    const entries = parseLdif(
      `dn: cn=a,dc=x\ncn: a\nuserCertificate;binary:: ${b64('\0\u{1f511}')}\ncn:: ${b64('b')}\nempty:\n\nref: ldap://elsewhere\n\ndn:: ${b64('cn=é')}\n\n`,
    );
    expect(entries.map(({ dn }) => dn)).toEqual(['cn=a,dc=x', 'cn=é']);
    expect([...(entries[0]?.values ?? [])].map(([name, values]) => [name, values.map((value) => Buffer.from(value).toString())])).toEqual([
      ['cn', ['a', 'b']],
      ['usercertificate;binary', ['\0\u{1f511}']],
      ['empty', ['']],
    ]);
  });

  it.each([
    'cn: a\n',
    'dn: a\n wrapped\n',
    'dn: a\ncn:< file:///etc/shadow\n',
    'dn: a\ncn:: abc\n',
    'dn: a\ncn:: a-_=\n',
    'dn: a\nno colon\n',
    'dn: a\n1cn: b\n',
    'error: 1\n',
  ])('%j is refused', (text) => {
    expect(() => parseLdif(text)).toThrow(expect.objectContaining({ code: 'DIRECTORY_INVALID' }));
  });

  it('is written in base64 alone, so that no value becomes a line', () => {
    expect(
      modifyLdif('cn=a\n-', [
        { operation: 'delete', attribute: 'cn', values: ['b\nreplace: x'] },
        { operation: 'add', attribute: 'cn', values: [] },
      ]),
    ).toBe(`dn:: ${b64('cn=a\n-')}\nchangetype: modify\ndelete: cn\ncn:: ${b64('b\nreplace: x')}\n-\nadd: cn\n-\n`);
    expect(addLdif('cn=a', { cn: ['a', Buffer.from([0])] })).toBe(`dn:: ${b64('cn=a')}\nchangetype: add\ncn:: ${b64('a')}\ncn:: AA==\n`);
    expect(() => modifyLdif('cn=a', [{ operation: 'add', attribute: 'cn\ndelete: x', values: [] }])).toThrow('no attribute description');
  });
});

describe('result codes', () => {
  it.each([
    [16, 'DIRECTORY_CHANGED'],
    [20, 'DIRECTORY_CHANGED'],
    [68, 'DIRECTORY_CHANGED'],
    [48, 'DIRECTORY_REFUSED'],
    [49, 'DIRECTORY_REFUSED'],
    [50, 'DIRECTORY_REFUSED'],
    [53, 'DIRECTORY_REFUSED'],
    [3, 'DIRECTORY_UNAVAILABLE'],
    [51, 'DIRECTORY_UNAVAILABLE'],
    [52, 'DIRECTORY_UNAVAILABLE'],
    [32, 'DIRECTORY_INVALID'],
    [65, 'DIRECTORY_INVALID'],
  ])('%i is %s', (result, code) => {
    expect(failureOf(result, 'reading cn=a', 'words\nof the server. Code: 0x31')).toMatchObject({
      code,
      message: expect.stringContaining(`reading cn=a: words of the server (LDAP result ${String(result)}).`) as string,
    });
  });
});

describe('ipaCaHSMConfiguration', () => {
  it.each([
    ['tok;/usr/lib/a.so', { token: 'tok', library: '/usr/lib/a.so' }],
    [' my token ; /usr/lib/a.so\t'.trimEnd(), { token: 'my token', library: '/usr/lib/a.so' }],
    ['tok;/opt/a;b/c.so', { token: 'tok', library: '/opt/a;b/c.so' }],
  ])('%j is understood', (value, parsed) => {
    expect(parseHsmConfiguration(value)).toEqual(parsed);
  });

  it.each(['', ';', 'tok', 'tok;', ';/usr/lib/a.so', 'tok; ', 'a\nb;/c'])('%j is refused', (value) => {
    expect(() => parseHsmConfiguration(value)).toThrow(expect.objectContaining({ code: 'DIRECTORY_INVALID' }));
  });
});

describe('the password file', () => {
  let scratch: PrivateDirectory;
  const file = () => path.join(scratch.path, 'password');
  beforeEach(() => (scratch = privateDirectory()));
  afterEach(() => scratch.remove());

  it('gives its first line', () => {
    writeFileSync(file(), 'se cret\r\nmore\n', { mode: 0o600 });
    expect(readPasswordFile(file())).toBe('se cret');
  });

  it.each([0o640, 0o604, 0o620, 0o602])('is refused with mode %o', (mode) => {
    writeFileSync(file(), 'secret\n');
    chmodSync(file(), mode);
    expect(() => readPasswordFile(file())).toThrow(expect.objectContaining({ code: 'CONFIG_UNSAFE' }));
  });

  it("is refused when it is another user's", () => {
    writeFileSync(file(), 'secret\n', { mode: 0o600 });
    chownSync(file(), 65_534, 65_534);
    expect(() => readPasswordFile(file())).toThrow(expect.objectContaining({ code: 'CONFIG_UNSAFE' }));
  });

  it.each(['', '\n', '\nsecond'])('is refused with %j in it: that would bind as nobody', (content) => {
    writeFileSync(file(), content, { mode: 0o600 });
    expect(() => readPasswordFile(file())).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('is refused when it is missing, a directory, or too long', () => {
    expect(() => readPasswordFile(file())).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    chmodSync(scratch.path, 0o700);
    expect(() => readPasswordFile(scratch.path)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    writeFileSync(file(), 'x'.repeat(5000), { mode: 0o600 });
    expect(() => readPasswordFile(file())).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('a bell', () => {
  it('is heard once for rings nobody waited for, and throws once broken', async () => {
    const bell = createBell();
    const heard = bell.heard(new AbortController().signal);
    bell.ring();
    bell.ring();
    expect(await heard.next()).toEqual({ value: undefined, done: false });
    const next = heard.next();
    bell.break(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });

  it('ends quietly with its signal, waiting or not', async () => {
    const [bell, waiting, before] = [createBell(), new AbortController(), new AbortController()];
    const next = bell.heard(waiting.signal).next();
    waiting.abort();
    expect((await next).done).toBe(true);
    before.abort();
    expect((await bell.heard(before.signal).next()).done).toBe(true);
  });
});

it.each([
  ['ldap://a.example.test', false, ['-O', 'minssf=56']],
  ['ldap://a.example.test', true, ['-ZZ']],
  ['ldaps://a.example.test', false, []],
  ['ldapi://%2Frun%2Fslapd.socket', false, []],
])('the tools never speak in clear: %s with StartTLS %s', (uri, startTls, wanted) => {
  const args = accessArguments({ uri, startTls, mechanism: 'GSSAPI', environment: {}, timeoutMs: 1000 });
  expect(args.filter((word) => ['-O', 'minssf=56', '-ZZ'].includes(word))).toEqual(wanted);
});
