import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ldapiUri, parseDefaultConf, readDefaultConf } from '../../src/freeipa/default-conf.js';
import { parseIni } from '../../src/freeipa/ini.js';
import { parsePasswordConf, readPasswordConf } from '../../src/freeipa/password-conf.js';
import { keepsCertificatesInConfig, parsePkiVersion } from '../../src/freeipa/pki-version.js';
import { readServerFile } from '../../src/freeipa/server-file.js';
import { parseHsmState, readHsmState } from '../../src/freeipa/sysrestore.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'ipa-root-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(file: string, content: string | Buffer): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), content);
}

const minimal = '[global]\nhost = ipa.example.test\nrealm = EXAMPLE.TEST\nbasedn = dc=example,dc=test\n';

describe('an INI file of FreeIPA', () => {
  it.each([
    ['comments, blanks and Windows line ends', '# c\r\n; d\r\n[a]\r\nk = v \r\n\r\n', { a: { k: 'v' } }],
    ["a colon for '=', a value with '='", '[a]\nk: v=w\nl=x=y\n', { a: { k: 'v=w', l: 'x=y' } }],
    ['a continued value', '[a]\nk = v\n  w\nl = x\n', { a: { k: 'v\nw', l: 'x' } }],
    ['the same section and key again', '[a]\nk = 1\n[b]\nk = 2\n[a]\nk = 3\n', { a: { k: '3' }, b: { k: '2' } }],
    ['keys before any section, lines that are nothing', 'k = v\nnonsense\n[a]\nnonsense\n= x\n', { a: {} }],
    ['keys in capitals', '[a]\nToken_Name = T\n', { a: { token_name: 'T' } }],
    ['nothing at all', '', {}],
  ])('with %s is read', (_what, text, wanted) => {
    expect(Object.fromEntries([...parseIni(text)].map(([name, section]) => [name, Object.fromEntries(section)]))).toEqual(wanted);
  });

  it("is read as Python's configparser reads it", () => {
    const text =
      '# made by ipa\n[global]\nhost = ipa.example.test\nbasedn=dc=example,dc=test\nldap_uri = ldapi://%2Frun%2Fslapd-EXAMPLE-TEST.socket\nenable_ra = True\nlong = one\n\ttwo\n[empty]\n';
    const script =
      'import configparser,json,sys\np=configparser.RawConfigParser()\np.read_string(sys.stdin.read())\nprint(json.dumps({s:dict(p.items(s)) for s in p.sections()}))';
    const python = JSON.parse(execFileSync('python3', ['-c', script], { input: text, encoding: 'utf8' })) as unknown;
    expect(Object.fromEntries([...parseIni(text)].map(([name, section]) => [name, Object.fromEntries(section)]))).toEqual(python);
  });

  it('whose lines are long is read in a moment', () => {
    const started = Date.now();
    parseIni(`[a]\n${'x'.repeat(1_000_000)}\nk${' '.repeat(1_000_000)}v\n`);
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});

describe('default.conf', () => {
  it('gives host, realm and suffix, and this host as the CA', () => {
    expect(parseDefaultConf(minimal, 'f')).toEqual({
      host: 'ipa.example.test',
      realm: 'EXAMPLE.TEST',
      base: 'dc=example,dc=test',
      caHost: 'ipa.example.test',
    });
  });

  it('names another CA server and its own socket', () => {
    const conf = parseDefaultConf(`${minimal}ca_host = CA.example.test\nldap_uri = ldapi://%2Frun%2Fother.socket\n`, 'f');
    expect(conf).toMatchObject({ caHost: 'ca.example.test', ldapi: 'ldapi://%2Frun%2Fother.socket' });
    expect(ldapiUri('/', conf)).toBe('ldapi://%2Frun%2Fother.socket');
  });

  it.each([
    ['/', 'ldapi://%2Frun%2Fslapd-EXAMPLE-TEST.socket'],
    ['/srv/tree', 'ldapi://%2Fsrv%2Ftree%2Frun%2Fslapd-EXAMPLE-TEST.socket'],
  ])('without one, the socket below %s is named after the realm', (where, uri) => {
    expect(ldapiUri(where, { realm: 'EXAMPLE.TEST' })).toBe(uri);
  });

  it.each([
    ['ldaps://ipa.example.test', undefined],
    ['ldapi://%2Fa?x', undefined],
  ])('an ldap_uri %s is not taken for a socket', (uri, wanted) => {
    expect(parseDefaultConf(`${minimal}ldap_uri = ${uri}\n`, 'f').ldapi).toBe(wanted);
  });

  it.each([
    ['host', 'a host/name'],
    ['host', ''],
    ['realm', '../EXAMPLE'],
    ['basedn', 'nonsense'],
  ])("an impossible '%s' (%j) is refused by name", (key, value) => {
    expect(() => parseDefaultConf(minimal.replace(new RegExp(`^${key} = .*$`, 'mu'), `${key} = ${value}`), '/f')).toThrow(
      new RegExp(`/f.*'${key}'|'${key}'.*/f`, 'u'),
    );
  });

  it('that is missing means that this is no IPA server', () => {
    expect(() => readDefaultConf(root)).toThrow(/this is no IPA server/u);
  });
});

describe("FreeIPA's note of the HSM", () => {
  it.each([
    ['[pki_hsm]\nenabled = True\ntoken_name = softhsm_token\n', { enabled: true, token: 'softhsm_token' }],
    ['[pki_hsm]\r\nenabled=true\r\ntoken_name=Två ord\r\n', { enabled: true, token: 'Två ord' }],
    ['[pki_hsm]\nenabled = False\ntoken_name = None\n', { enabled: false }],
    ['[other]\nenabled = True\n', { enabled: false }],
    ['', { enabled: false }],
  ])('%j', (text, wanted) => {
    expect(parseHsmState(text, 'f')).toEqual(wanted);
  });

  it.each(['[pki_hsm]\nenabled = True\n', '[pki_hsm]\nenabled = True\ntoken_name = None\n'])(
    'that names no token is refused: %j',
    (text) => {
      expect(() => parseHsmState(text, '/f')).toThrow(/^In \/f: .*'token_name'/u);
    },
  );

  it('is no HSM where there is no file', () => {
    expect(readHsmState(root)).toEqual({ enabled: false });
  });
});

describe('password.conf', () => {
  const read = (text: string | Buffer) => {
    const { internal, hardware } = parsePasswordConf(Buffer.from(text));
    return {
      internal: internal?.toString('utf8'),
      hardware: Object.fromEntries([...hardware].map(([token, pin]) => [token, pin.toString('utf8')])),
    };
  };

  it.each([
    ['both lines', 'internal=abc\nhardware-tok=def\n', { internal: 'abc', hardware: { tok: 'def' } }],
    ["a PIN with '='", 'hardware-tok=a=b==\n', { internal: undefined, hardware: { tok: 'a=b==' } }],
    ['blank lines, comments and lines without =', '\n# internal=x\nnothing\n\ninternal=abc\n', { internal: 'abc', hardware: {} }],
    ['Windows line ends and no end at the last line', 'internal=abc\r\nhardware-tok=def', { internal: 'abc', hardware: { tok: 'def' } }],
    ['a token with blanks and a dash', 'hardware-my - token = p \n', { internal: undefined, hardware: { 'my - token': 'p' } }],
    ['an empty PIN', 'internal=\nhardware-tok=\r\n', { internal: undefined, hardware: {} }],
    ['a second line of one token', 'hardware-tok=first\nhardware-tok=second\n', { internal: undefined, hardware: { tok: 'first' } }],
    ['the replication password', 'replicationdb=x\ninternaldb=y\n', { internal: undefined, hardware: {} }],
    [
      'a token named like a property of every object',
      'hardware-__proto__=p\n',
      { internal: undefined, hardware: Object.fromEntries([['__proto__', 'p']]) },
    ],
    ['nothing', '', { internal: undefined, hardware: {} }],
  ])('with %s', (_what, text, wanted) => {
    expect(read(text)).toEqual(wanted);
  });

  it('keeps octets that are no UTF-8 as they are', () => {
    expect(parsePasswordConf(Buffer.from([...Buffer.from('hardware-t='), 0xff, 0xfe, 0x0a])).hardware.get('t')).toEqual(
      Buffer.from([0xff, 0xfe]),
    );
  });

  it('that is missing is named, and nothing of one that is there gets into a message', () => {
    expect(() => readPasswordConf(root)).toThrow(/password\.conf/u);
    put('/etc/pki/pki-tomcat/password.conf', 'hardware-tok=secret\n');
    expect(readPasswordConf(root).hardware.get('tok')?.toString()).toBe('secret');
  });
});

describe('the PKI version', () => {
  it.each([
    ['Specification-Version: 11.5.0\nImplementation-Version: 11.5.0\n', [11, 5]],
    ['name: x\r\nImplementation-Version: 10.10.6-1\r\n', [10, 10]],
    ['Specification-Version:11.6\n', [11, 6]],
    ['nothing', undefined],
  ])('in %j', (text, wanted) => {
    expect(parsePkiVersion(text)).toEqual(wanted);
  });

  it.each([
    ['10.15.1', true],
    ['11.4.3', true],
    ['11.5.0', false],
    ['12.0.0', false],
  ])('%s: certificates in CS.cfg: %s', (version, wanted) => {
    put('/usr/share/pki/VERSION', `Specification-Version: ${version}\n`);
    expect(keepsCertificatesInConfig(root)).toBe(wanted);
  });

  it.each([
    ['ca.signing.cert=MIIE\n', true],
    ['ca.signing.nickname=x\n', false],
  ])('that is nowhere is judged by CS.cfg %j', (text, wanted) => {
    put('/etc/pki/pki-tomcat/ca/CS.cfg', text);
    expect(keepsCertificatesInConfig(root)).toBe(wanted);
  });
});

describe("a server's file", () => {
  it('that is a directory, a FIFO or too large is refused and does not hold us up', () => {
    mkdirSync(path.join(root, 'directory'));
    execFileSync('mkfifo', [path.join(root, 'fifo')]);
    put('large', Buffer.alloc(5 * 1024 * 1024));
    for (const name of ['directory', 'fifo', 'large'])
      expect(() => readServerFile(root, name), name).toThrow(new RegExp(`${name} is not a regular file`, 'u'));
  });

  it('that is not text is refused', () => {
    put('/etc/ipa/default.conf', Buffer.from([0x5b, 0xff, 0x5d]));
    expect(() => readDefaultConf(root)).toThrow(/not UTF-8/u);
  });
});
