/**
 * kipuka's page "HSM Integration", by its sections: key generation table, PIN forms and their order, slot rules, several CAs, the three
 * troubleshooting cases. `token keygen` makes the keys of the page's table, and pkcs11-tool is the witness; certtool makes the CA
 * certificates with the keys on the token.
 */
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleCandidates } from '../../src/cli/setup/candidates.js';
import { judgeCa, pinFileOf, tokenLabelOf } from '../../src/cli/setup/kipuka/judge.js';
import { readKipuka } from '../../src/cli/setup/kipuka/read.js';
import { nssKeyId } from '../../src/pkcs11/objects/nss-key-id.js';
import { installation } from '../../src/platform/installation.js';
import { knownPaths } from '../../src/pkcs11/module/vendors.js';
import type { ListedToken, TokenDescription } from '../../src/pkcs11/token.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { certificateFromPem } from '../../src/x509/pem.js';
import { runAs } from '../rig/run-as.js';
import { createSoftToken, type SoftToken } from '../rig/soft-token.js';
import { startBus, type PrivateBus } from '../rig/bus.js';
import { startCertmonger, getcert, type Certmonger } from '../rig/certmonger.js';
import { privateDirectory, type PrivateDirectory } from '../rig/directory.js';
import { ensureServiceUser } from '../rig/service-user.js';
import { hsmonger, type Said } from '../cli/site.js';

/** The page's table. */
const keys = [
  { type: 'rsa:2048', id: '01', label: 'kipuka-ca-rsa-2048', shown: ['RSA', 2048] },
  { type: 'rsa:4096', id: '02', label: 'kipuka-ca-rsa-4096', shown: ['RSA', 4096] },
  { type: 'EC:prime256v1', id: '03', label: 'kipuka-ca-ec-p256', shown: ['EC', 256] },
  { type: 'EC:secp384r1', id: '04', label: 'kipuka-ca-ec-p384', shown: ['EC', 384] },
] as const;

let scratch: PrivateDirectory;
let token: SoftToken;
let bus: PrivateBus;
let certmonger: Certmonger;

const at = (...names: string[]) => path.join(scratch.path, ...names);
const pkcs11Tool = async (...args: string[]) =>
  (
    await runAs(token.owner, 'pkcs11-tool', ['--module', token.module, '--token-label', token.label, ...args], {
      env: token.environment,
      cwd: '/',
    })
  ).stdout;
const loggedIn = (...args: string[]) => pkcs11Tool('--login', '--pin', token.pin, ...args);

const onToken = () => [
  '--module',
  token.module,
  '--token',
  'kipuka',
  '--module-env',
  `SOFTHSM2_CONF=${token.confFile}`,
  '--pin-file',
  token.pinFile,
  '--user',
  token.owner?.name ?? '',
  '--state-dir',
  at('state'),
];
/** What `token keygen` said, by id. */
const made = new Map<string, Said>();

/** As the page does with openssl's engine: a self-signed certificate by the key on the token. */
async function certify(id: string, name: string): Promise<string> {
  const [template, out] = [at(`${name}.cfg`), at(`${name}.pem`)];
  writeFileSync(template, `cn = "kipuka ${name}"\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 3650\n`);
  const { stdout } = await runAs(
    token.owner,
    'certtool',
    [
      '--generate-self-signed',
      '--provider',
      token.module,
      '--load-privkey',
      `pkcs11:token=kipuka;id=%${id};type=private`,
      '--load-pubkey',
      `pkcs11:token=kipuka;id=%${id};type=public`,
      '--template',
      template,
    ],
    { env: { ...token.environment, GNUTLS_PIN: token.pin } },
  );
  writeFileSync(out, /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/u.exec(stdout)?.[0] ?? '');
  return out;
}

beforeAll(async () => {
  scratch = privateDirectory('kipuka');
  const owner = ensureServiceUser();
  token = await createSoftToken({ directory: scratch.path, owner, label: 'kipuka' });
  for (const { type, id, label } of keys)
    made.set(id, await hsmonger('token', 'keygen', '--type', type, '--id', id, '--label', label, ...onToken()));
  await certify('01', 'hsm-rsa-ca');
  await certify('03', 'hsm-ec-ca');
  bus = await startBus(scratch.path);
  certmonger = await startCertmonger({ directory: scratch.path, bus, token });
  mkdirSync(at('etc'));
}, 120_000);

afterAll(async () => {
  await certmonger.stop();
  await bus.stop();
  scratch.remove();
});

/** Writes a kipuka.toml and imports it. */
function importing(hsm: string, cas: string, ...flags: string[]): Promise<Said> {
  const file = at('kipuka.toml');
  writeFileSync(file, `[hsm]\n${hsm}\n[server]\nlisten = "0.0.0.0:8443"\n${cas}`);
  return hsmonger(
    'setup',
    '--yes',
    '--from-kipuka',
    file,
    '--module-env',
    `SOFTHSM2_CONF=${token.confFile}`,
    '--dbdir',
    at('nss'),
    '--user',
    token.owner?.name ?? '',
    '--bus',
    bus.address,
    '--config-dir',
    at('etc'),
    '--state-dir',
    at('state'),
    ...flags,
  );
}

const ca = (id: string, hsmSlot: number, cert = at(`${id}.pem`)) =>
  `[[ca]]\nid = "${id}"\nname = "CA ${id}"\ncert = "${cert}"\nhsm_slot = ${String(hsmSlot)}\nvalidity_days = 365\nkey_usage = ["digitalSignature", "keyCertSign", "cRLSign"]\n`;
const library = () => `library = "${token.module}"`;
const usual = () => `${library()}\ntoken_label = "kipuka"\npin_file = "${token.pinFile}"`;
const rsa = () => ca('hsm-rsa-ca', 1);
const both = () => rsa() + ca('hsm-ec-ca', 3);

describe('Supported Vendors and Library Paths', () => {
  it('token modules and setup look at every path of the page for Linux', () => {
    expect(knownPaths('x64')).toEqual(
      expect.arrayContaining([
        '/opt/nfast/toolkits/pkcs11/libcknfast.so',
        '/opt/utimaco/lib/libcs_pkcs11_R3.so',
        '/usr/safenet/lunaclient/lib/libCryptoki2_64.so',
        '/usr/lib/pkcs11/libkryoptic_pkcs11.so',
        '/usr/lib/softhsm/libsofthsm2.so',
        '/opt/cloudhsm/lib/libcloudhsm_pkcs11.so',
        '/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so',
      ]),
    );
    expect(moduleCandidates()).toContain('/usr/lib/softhsm/libsofthsm2.so');
  });
});

describe('Key Generation Examples', () => {
  it.each(keys)(
    'token keygen makes $label of $type with CKA_ID $id, which pkcs11-tool shows, for signing only',
    async ({ type, id, label, shown: [kind] }) => {
      const said = made.get(id);
      expect(said?.exitCode, said?.err).toBe(0);
      // Such an id is kipuka's wish; certmonger wants another.
      expect(said?.err).toContain(`'hsmonger token move-id ${id}' gives it that`);
      const listed = await loggedIn('--list-objects', '--id', id);
      expect(listed).toMatch(
        new RegExp(
          `Private Key Object; ${kind}[^\\n]*\\n +label: +${label}\\n +ID: +${id}\\n +Usage: +sign\\n +Access: +sensitive, always sensitive, never extractable, local\\n`,
          'u',
        ),
      );
      expect(listed).toMatch(new RegExp(`Public Key Object; ${kind}[^]*label: +${label}\\n +ID: +${id}\\n`, 'u'));
      if (kind === 'RSA') expect(listed).toContain(`RSA ${type.split(':')[1] ?? ''} bits`);
    },
  );

  it.each(keys)('a key of $type is seen with its id, type and size', async ({ id, label, shown: [type, size] }) => {
    const said = await hsmonger('token', 'keys', '--json', ...onToken());
    expect(
      (JSON.parse(said.out) as { id: string }[]).find((key) => key.id === id),
      said.err,
    ).toMatchObject({ label, type, size, sensitive: true, extractable: false });
  });

  it('what pkcs11-tool lists has the IDs that hsm_slot means', async () => {
    const listed = await loggedIn('--list-objects', '--type', 'privkey');
    expect([...listed.matchAll(/ID: +(\w+)/gu)].map(([, id]) => id).sort()).toEqual(keys.map(({ id }) => id));
  });
});

describe('PIN Management', () => {
  const pins = (text: string) => {
    const { pin, ignoredPins } = readKipuka(`[hsm]\nlibrary = "/x.so"\ntoken_label = "kipuka"\n${text}`, 'kipuka.toml');
    return { pin, ignoredPins };
  };

  it.each([
    ['pin_env before all', 'pin = "1234"\npin_file = "/f"\npin_env = "V"', { from: 'pin_env', variable: 'V' }, ['pin_file', 'pin']],
    ['pin_file before pin', 'pin = "1234"\npin_file = "/f"', { from: 'pin_file', path: '/f' }, ['pin']],
    ['pin alone', 'pin = "1234"', { from: 'pin' }, []],
    ['none', '', { from: 'nowhere' }, []],
  ])('%s', (_what, text, pin, ignoredPins) => {
    expect(pins(text)).toEqual({ pin, ignoredPins });
    expect(JSON.stringify(pins(text))).not.toContain('1234');
  });

  it('an inline PIN is refused and never shown, one in a variable too, each with how to keep it in a file', () => {
    for (const pin of [{ from: 'pin' }, { from: 'pin_env', variable: 'KIPUKA_HSM_PIN' }, { from: 'nowhere' }] as const)
      expect(() => pinFileOf(pin, undefined, 'kipuka.toml', 'kipuka')).toThrow(/install -m 0600 -o kipuka .*--pin-file/u);
    expect(pinFileOf({ from: 'pin' }, '/own.pin', 'kipuka.toml', 'kipuka')).toBe('/own.pin');
  });

  it('so it says on the command line, and changes nothing', async () => {
    const said = await importing(`${library()}\ntoken_label = "kipuka"\npin = "secret-4711"`, rsa());
    expect(said).toMatchObject({ exitCode: 2, out: '', err: expect.stringMatching(/has the PIN in it \(pin\)/u) as string });
    expect(said.err).not.toContain('secret-4711');
    const broken = await importing(`pin = "secret-4711" oops`, '');
    expect(broken.exitCode).toBe(2);
    expect(broken.err).not.toContain('secret-4711');
  });
});

describe('Slot Configuration', () => {
  const shown = (slotId: number, label = 'kipuka', initialized = true, index = 0): ListedToken => ({
    slotId,
    index,
    label,
    manufacturer: '',
    model: '',
    serial: '',
    loginRequired: true,
    initialized,
    writeProtected: false,
    pin: 'fine',
  });
  const slot = (number: number) => ({ library: '/x.so', token: { by: 'slot' as const, slot: number } });

  it('the number in brackets is the CK_SLOT_ID, and a slot = is one', () => {
    expect(tokenLabelOf(slot(0x1d6d28f6), [shown(0x1d6d28f6)], undefined, 'f')).toBe('kipuka');
    expect(tokenLabelOf(slot(0), [shown(7, 'other'), shown(0)], undefined, 'f')).toBe('kipuka');
  });

  it('slot = 0 where only the place 0 exists is not guessed: it says which token that is', () => {
    expect(() => tokenLabelOf(slot(0), [shown(0x1d6d28f6)], undefined, 'f')).toThrow(
      /no slot with that CK_SLOT_ID; the token at place 0 .*"Slot 0 \(0x1d6d28f6\)", is 'kipuka'.*--token 'kipuka'/u,
    );
    expect(() => tokenLabelOf(slot(3), [shown(0x1d6d28f6)], undefined, 'f')).toThrow(
      /neither such a CK_SLOT_ID nor a token at that place/u,
    );
    expect(tokenLabelOf(slot(0), [shown(0x1d6d28f6)], 'kipuka', 'f')).toBe('kipuka');
    // Behind an empty slot.
    expect(() => tokenLabelOf(slot(1), [shown(7, 'kipuka', true, 1), shown(8, 'other', true, 2)], undefined, 'f')).toThrow(
      /the token at place 1 .*"Slot 1 \(0x7\)", is 'kipuka'/u,
    );
  });

  it('the real module tells them apart as pkcs11-tool does', async () => {
    const listed = await pkcs11Tool('--list-slots');
    const [, id] = /^Slot 0 \((0x[0-9a-f]+)\)/mu.exec(listed) ?? [];
    const byPlace = await importing(`${library()}\nslot = 0\npin_file = "${token.pinFile}"`, rsa());
    expect(byPlace).toMatchObject({ exitCode: 1, err: expect.stringContaining(`"Slot 0 (${id ?? ''})", is 'kipuka'`) as string });
    expect((await importing(`${library()}\nslot = ${String(Number(id))}\npin_file = "${token.pinFile}"`, rsa())).err).toContain(
      'has CKA_ID 01',
    );
  });
});

describe('Troubleshooting', () => {
  it('Library Not Found', async () => {
    expect(
      await importing(`library = "/opt/nfast/toolkits/pkcs11/libcknfast.so"\ntoken_label = "kipuka"\npin_file = "${token.pinFile}"`, rsa()),
    ).toMatchObject({
      exitCode: 1,
      out: '',
      err: expect.stringMatching(
        /^hsmonger: .*names the PKCS#11 library \/opt\/nfast\/toolkits\/pkcs11\/libcknfast\.so, which is not on this machine; correct 'library', or say where it is with --module\.\n$/u,
      ) as string,
    });
  });

  it('Authentication Failures: a wrong PIN once, an unreadable file', async () => {
    const wrong = at('wrong.pin');
    writeFileSync(wrong, '999999\n', { mode: 0o600 });
    chownSync(wrong, token.owner?.uid ?? 0, token.owner?.gid ?? 0);
    const hsm = `${library()}\ntoken_label = "kipuka"\npin_file = "${wrong}"`;
    const first = await importing(hsm, rsa());
    expect(first.err).toMatch(/^hsmonger: [^\n]*PIN[^\n]*\n$/u);
    expect((await importing(hsm, rsa())).err).toMatch(/not tried again/u);
    expect((await importing(`${library()}\ntoken_label = "kipuka"\npin_file = "/nowhere/hsm.pin"`, rsa())).err).toMatch(
      /^hsmonger: [^\n]*\/nowhere\/hsm\.pin[^\n]*\n$/u,
    );
  });

  it('Key Not Found: another token, an hsm_slot that is another key’s, a key that is not there', async () => {
    expect((await importing(`${library()}\ntoken_label = "kipuka-2"\npin_file = "${token.pinFile}"`, rsa())).err).toMatch(
      /There is no token 'kipuka-2' .*it shows 'kipuka'/u,
    );
    const contents = { description: { label: 'kipuka' } as TokenDescription, keys: [], certificates: [], mechanisms: [] };
    const certificate = parseCertificate(certificateFromPem(readFileSync(at('hsm-rsa-ca.pem'), 'utf8')));
    const wanted = { id: 'hsm-rsa-ca', name: 'n', cert: 'c.pem', hsmSlot: 1 };
    expect(() => judgeCa(wanted, certificate, contents, () => '')).toThrow(
      /^The key of \[\[ca\]\] 'hsm-rsa-ca' \(hsm_slot = 1, certificate c\.pem\) is not on token 'kipuka', which has no private key/u,
    );
    const other = {
      id: Uint8Array.of(1),
      label: 'x',
      type: 'RSA' as const,
      size: 2048,
      spki: parseCertificate(certificateFromPem(readFileSync(at('hsm-ec-ca.pem'), 'utf8'))).spki,
      sensitive: true,
      extractable: false,
      canSign: true,
    };
    expect(() => judgeCa(wanted, certificate, { ...contents, keys: [other] }, () => '')).toThrow(
      /is not the key of the certificate in c\.pem: correct hsm_slot or cert/u,
    );
  });
});

describe('several CAs on one HSM', () => {
  let printed: string[] = [];

  it('with ids as the page makes them, the way is pointed to and nothing is changed', async () => {
    const said = await importing(usual(), both());
    expect(said).toMatchObject({ exitCode: 3, out: '' });
    printed = [...said.err.matchAll(/Move it with: (hsmonger token move-id .*?) — /gu)].map(([, command]) => command ?? '');
    expect(printed.map((command) => command.split(' ')[3])).toEqual(['03', '01']);
    expect(said.err).toContain('stop kipuka first');
    expect(existsSync(at('etc', 'hsm-rsa-ca.toml'))).toBe(false);
    expect(await pkcs11Tool('--list-objects', '--type', 'cert')).not.toContain('Certificate Object');
  });

  it('the commands it prints, pasted into a shell, give the keys the ids NSS computes', async () => {
    for (const command of printed)
      execFileSync('sh', ['-ec', command], { env: { PATH: `${installation().executables}:/usr/bin:/bin:/usr/sbin:/sbin` }, stdio: 'pipe' });
    for (const [label, name] of [
      ['kipuka-ca-rsa-2048', 'hsm-rsa-ca'],
      ['kipuka-ca-ec-p256', 'hsm-ec-ca'],
    ] as const) {
      const to = nssKeyId(parseCertificate(certificateFromPem(readFileSync(at(`${name}.pem`), 'utf8'))).spki)?.toString('hex') ?? '';
      for (const type of ['privkey', 'pubkey'])
        expect(await loggedIn('--list-objects', '--type', type, '--id', to)).toMatch(new RegExp(`label: +${label}\n`, 'u'));
    }
  });

  it('what another instance is to have stops all of them, before anything is made or stored; --dry-run tells it too', async () => {
    const planned = at('etc', 'planned.toml');
    writeFileSync(
      planned,
      `user = "${token.owner?.name ?? ''}"\n[token]\nmodule = "${token.module}"\nlabel = "kipuka"\npin-file = "${token.pinFile}"\n[token.environment]\nSOFTHSM2_CONF = "${token.confFile}"\n[nss]\ndatabase = "${at('planned-nss')}"\n[issuer]\ntype = "token"\ncertificate = "planned ca"\n[[certificate]]\nnickname = "CA hsm-ec-ca"\nprofile = "caServerCert"\n`,
    );
    const state = async () => [
      await loggedIn('--list-objects'),
      readdirSync(at('etc')),
      existsSync(at('nss')),
      existsSync(at('state', 'hsm-rsa-ca')),
      (await getcert(bus, ['list'])).stdout,
    ];
    const before = await state();
    for (const flags of [['--dry-run'], []]) {
      const said = await importing(usual(), both(), ...flags);
      expect(said).toMatchObject({
        exitCode: 3,
        out: '',
        err: expect.stringMatching(
          /Nothing was made for instance 'hsm-ec-ca': The nickname 'CA hsm-ec-ca' on the token 'kipuka' belongs to instance 'planned'/u,
        ) as string,
      });
      expect(await state()).toEqual(before);
    }
    rmSync(planned);
  });

  it('then each becomes an instance, its certificate beside its key, and certmonger has what it can', async () => {
    const dry = await importing(usual(), rsa(), '--dry-run');
    expect(dry).toMatchObject({
      exitCode: 3,
      out: `make the NSS database ${at('nss')}\nstore ${at('hsm-rsa-ca.pem')} on token 'kipuka' as 'CA hsm-rsa-ca'\nwrite ${at('etc', 'hsm-rsa-ca.toml')} and hand what it names to certmonger\n`,
    });
    expect(existsSync(at('etc', 'hsm-rsa-ca.toml'))).toBe(false);

    const said = await importing(usual(), rsa());
    expect(said.exitCode, said.err + said.out).toBe(0);
    expect(said.err).toContain(`made the NSS database ${at('nss')}`);
    expect(parse(readFileSync(at('etc', 'hsm-rsa-ca.toml'), 'utf8'))).toMatchObject({
      token: { label: 'kipuka', 'pin-file': token.pinFile },
      issuer: { type: 'token', certificate: 'CA hsm-rsa-ca', 'lifetime-days': { caServerCert: 365 } },
      certificate: [{ nickname: 'CA hsm-rsa-ca', profile: 'caCACert' }],
    });
    expect(await pkcs11Tool('--list-objects', '--type', 'cert')).toMatch(/label: +CA hsm-rsa-ca\n/u);
    expect((await getcert(bus, ['list'])).stdout).toContain("nickname='CA hsm-rsa-ca',token='kipuka'");
    const again = await importing(usual(), rsa());
    expect(again).toMatchObject({ exitCode: 0, out: expect.stringContaining('nothing was changed') as string });
  });

  it('the CA on a curve beside it too, and each issues with its own key and validity_days', async () => {
    const said = await importing(usual(), both());
    expect(said.exitCode, said.err + said.out).toBe(0);
    const tracked = (await getcert(bus, ['list'])).stdout;
    for (const id of ['hsm-rsa-ca', 'hsm-ec-ca']) expect(tracked).toContain(`nickname='CA ${id}',token='kipuka'`);
    execFileSync(
      'openssl',
      ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('www.key'), '-subj', '/CN=www.example.test', '-out', at('www.csr')],
      { stdio: 'pipe' },
    );
    for (const [id, algorithm] of [
      ['hsm-rsa-ca', 'sha256WithRSAEncryption'],
      ['hsm-ec-ca', 'ecdsa-with-SHA256'],
    ] as const) {
      const issued = await hsmonger(
        'ca',
        'issue',
        '--instance',
        id,
        '--in',
        at('www.csr'),
        '--out',
        at(`${id}.www.pem`),
        '--config-dir',
        at('etc'),
        '--state-dir',
        at('state'),
      );
      expect(issued.exitCode, issued.err).toBe(0);
      expect(
        execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', at(`${id}.pem`), at(`${id}.www.pem`)], { encoding: 'utf8' }),
      ).toContain(': OK');
      const text = execFileSync('openssl', ['x509', '-noout', '-text', '-in', at(`${id}.www.pem`)], { encoding: 'utf8' });
      expect(text).toContain(`Signature Algorithm: ${algorithm}\n`);
      const [from = NaN, to = NaN] = ['Before', 'After '].map((which) =>
        Date.parse(new RegExp(`Not ${which}: (.*)`, 'u').exec(text)?.[1] ?? ''),
      );
      expect(Math.round((to - from) / 86_400_000)).toBe(365);
    }
    // No key came or went.
    expect(
      [...(await loggedIn('--list-objects', '--type', 'privkey')).matchAll(/label: +(\S+)/gu)].map(([, label]) => label).sort(),
    ).toEqual(keys.map(({ label }) => label).sort());
  });

  it('one that another CA signed is refused without its chain before anything is stored, and has it beside it afterwards', async () => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', encoding: 'utf8' });
    expect((await hsmonger('token', 'move-id', '02', ...onToken())).exitCode).toBe(0);
    mkdirSync(at('pub'));
    chownSync(at('pub'), token.owner?.uid ?? 0, token.owner?.gid ?? 0);
    const listed = await loggedIn('--list-objects', '--type', 'pubkey');
    const [, id = ''] = /label: +kipuka-ca-rsa-4096\n +ID: +(\w+)/u.exec(listed) ?? [];
    await loggedIn('--read-object', '--type', 'pubkey', '--id', id, '--output-file', at('pub', 'sub.der'));
    openssl('pkey', '-pubin', '-inform', 'DER', '-in', at('pub', 'sub.der'), '-out', at('sub.pub'));
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('above.key'), '-out', at('above.pem'), '-subj', '/CN=Above');
    writeFileSync(at('sub.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n');
    openssl('req', '-new', '-key', at('above.key'), '-subj', '/CN=Sub', '-out', at('sub.csr'));
    const signing = ['-in', at('sub.csr'), '-force_pubkey', at('sub.pub'), '-CA', at('above.pem'), '-CAkey', at('above.key')];
    openssl('x509', '-req', ...signing, '-days', '1000', '-extfile', at('sub.ext'), '-out', at('sub.pem'));
    const state = async () => [await loggedIn('--list-objects'), readdirSync(at('etc'))];
    const before = await state();
    for (const flags of [['--dry-run'], []]) {
      const refused = await importing(usual(), ca('sub', 2), ...flags);
      expect(refused).toMatchObject({
        exitCode: 3,
        out: '',
        err: expect.stringMatching(
          /'sub', CN=Sub, was signed by another CA, and it could issue nothing: no certificate of CN=Above .*hsmonger token import-cert FILE --without-key --module .*Nothing was changed\.\n$/u,
        ) as string,
      });
      expect(await state()).toEqual(before);
    }

    writeFileSync(at('sub.pem'), readFileSync(at('sub.pem'), 'utf8') + readFileSync(at('above.pem'), 'utf8'));
    expect((await importing(usual(), ca('sub', 2), '--dry-run')).out).toContain(
      "store the certificate of CN=Above on token 'kipuka', above 'CA sub'\n",
    );
    expect(await state()).toEqual(before);
    const said = await importing(usual(), ca('sub', 2));
    expect(said.exitCode, said.err + said.out).toBe(0);
    expect(said.err).toContain("'Above' is on token 'kipuka' now, above 'CA sub'");
    const order = ['--in', at('www.csr'), '--out', at('sub.www.pem'), '--config-dir', at('etc'), '--state-dir', at('state')];
    const issued = await hsmonger('ca', 'issue', '--instance', 'sub', ...order);
    expect(issued.exitCode, issued.err).toBe(0);
    expect(openssl('verify', '-CAfile', at('above.pem'), '-untrusted', at('sub.pem'), at('sub.www.pem'))).toContain(': OK');
  });
});
