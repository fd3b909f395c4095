import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOf } from '../../../src/cli/token/place.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { privateDirectory } from '../../rig/directory.js';
import { ensureServiceUser } from '../../rig/service-user.js';
import { createSoftToken } from '../../rig/soft-token.js';
import { hsmonger } from '../site.js';

let scratch: ReturnType<typeof privateDirectory>;
let config: string;

beforeEach(() => {
  scratch = privateDirectory('place');
  config = path.join(scratch.path, 'etc');
  mkdirSync(config);
  write(label('everyday'), label('in the safe'));
});
afterEach(() => {
  scratch.remove();
});

const label = (text: string) => `label = "${text}"`;

/** The instance 'two', whose tokens are named so. */
function write(own: string, safe: string, rest = 'pin-file = "/etc/hsmonger/own.pin"'): void {
  const module = 'module = "/usr/lib/softhsm/libsofthsm2.so"';
  writeFileSync(
    path.join(config, 'two.toml'),
    `user = "${ensureServiceUser().name}"
[token]
${own}
${module}
${rest}
[tokens.safe]
${safe}
${module}
pin-env = "SAFE_PIN"
[nss]
database = "/nowhere"
[issuer]
type = "token"
certificate = "ca"
`,
    { mode: 0o644 },
  );
}

const chosen = (token: string | undefined, selector?: string) => {
  const options = {
    instance: 'two',
    bus: 'unused',
    configDir: config,
    stateDir: path.join(scratch.path, 'state'),
    json: false,
    noColor: true,
    verbose: false,
    module: undefined,
    token,
    pinFile: undefined,
    user: 'pkiuser',
    moduleEnv: undefined,
    moduleParameters: undefined,
  };
  const { instance, from } = placeOf(options, {}, selector);
  expect(from).toBe('instance file');
  return tokenOf(instance).selector;
};

const here = () => ['--config-dir', config, '--state-dir', path.join(scratch.path, 'state')];
const uri = (text: string) => `pkcs11:token=${encodeURIComponent(text)};id=%01;type=private`;
const labelled = (text: string) => ({ by: 'label', label: text });
const fitting = (text: string, index?: number) => ({ by: 'uri', uri: text, ...(index === undefined ? {} : { index }) });

test.each([
  [undefined, undefined, labelled('everyday')],
  [undefined, 'a label', labelled('everyday')],
  [undefined, 'pkcs11:id=%01', labelled('everyday')],
  [undefined, uri('everyday'), labelled('everyday')],
  [undefined, uri('in the safe'), labelled('in the safe')],
  ['safe', uri('everyday'), labelled('in the safe')],
  [uri('in the safe'), undefined, fitting('pkcs11:token=in%20the%20safe')],
  // As p11tool pads it.
  [`${uri('everyday')};serial=AA%00%00`, undefined, fitting('pkcs11:token=everyday;serial=AA')],
  ['pkcs11:token=everyday?pin-source=file:/etc/hsmonger/own.pin', undefined, fitting('pkcs11:token=everyday')],
])('of an instance over two tokens, --token %s and the object %s mean the token %s', (token, selector, found) => {
  expect(chosen(token, selector)).toEqual(found);
});

test.each([
  ['slot = 5', 'pkcs11:serial=AA;slot-id=5', fitting('pkcs11:serial=AA;slot-id=5')],
  ['slot-index = 2', 'pkcs11:serial=AA', fitting('pkcs11:serial=AA', 2)],
  ['uri = "pkcs11:token=pki;serial=AA"', 'pkcs11:token=pki;serial=AA', fitting('pkcs11:token=pki;serial=AA')],
  ['uri = "pkcs11:serial=AA"', 'pkcs11:model=M;token=pki', fitting('pkcs11:token=pki;serial=AA;model=M')],
  [
    'uri = "pkcs11:token=pki?module-path=/usr/lib/softhsm/libsofthsm2.so"',
    'pkcs11:token=pki?module-path=/usr/lib/softhsm/libsofthsm2.so',
    fitting('pkcs11:token=pki'),
  ],
])('what the file says (%s) and what --token %s says are both to fit', (own, token, found) => {
  // The other token is one the URI contradicts.
  write(own, 'uri = "pkcs11:token=other;serial=BB;slot-id=9"');
  expect(chosen(token)).toEqual(found);
});

test.each([
  [uri('another'), "has no token that fits 'pkcs11:token=another;id=%01;type=private'; it has 'everyday', 'safe'."],
  ['pkcs11:serial=AA', 'may be more than one of the tokens'],
  ['pkcs11:id=%01', 'says nothing of a token'],
  ['pkcs11:token=everyday?pin-source=/another.pin', "The URI's pin-source /another.pin is not where"],
  ['pkcs11:token=everyday;slot-description=B', "has 'slot-description', which is not compared here"],
  ['pkcs11:token=everyday?module-name=m', "has 'module-name', which is not compared here"],
])('--token %s is refused: it %s', (token, why) => {
  expect(() => chosen(token)).toThrow(why);
});

test('unlock, lock and change-pin take the URI of a token, too', async () => {
  for (const [command, why] of [
    [['unlock'], 'nothing to lock or unlock'],
    [['lock'], 'nothing to lock or unlock'],
    [['token', 'change-pin'], 'takes the PIN from an environment variable'],
  ] as const)
    for (const [token, said] of [
      [uri('in the safe'), why],
      [uri('another'), 'has no token that fits'],
    ] as const)
      expect(await hsmonger(...command, '--instance', 'two', '--token', token, ...here())).toMatchObject({
        exitCode: 2,
        err: expect.stringContaining(said) as string,
      });
});

test('a URI beside the instance file is held against the token that is there: another serial, model or slot is refused', async () => {
  const token = await createSoftToken({ directory: scratch.path, owner: ensureServiceUser(), label: 'everyday' });
  write(label('everyday'), label('in the safe'), `pin-file = "${token.pinFile}"\nenvironment = { SOFTHSM2_CONF = "${token.confFile}" }`);
  const two = ['--instance', 'two', ...here()];
  const list = await hsmonger('token', 'list', '--json', ...two);
  const { serial, slotId } = (JSON.parse(list.out) as { label: string; serial: string; slotId: number }[]).find(
    ({ label: named }) => named === 'everyday',
  )!;
  const newPin = path.join(scratch.path, 'new.pin');
  writeFileSync(newPin, 'another-pin-5\n', { mode: 0o600 });
  for (const fits of [`token=everyday;serial=${serial}`, `slot-id=${String(slotId)};token=everyday;model=SoftHSM%20v2`])
    expect(await hsmonger('token', 'keys', '--token', `pkcs11:${fits}`, ...two)).toMatchObject({ exitCode: 0, err: '' });
  for (const strange of ['serial=0', 'model=M', 'manufacturer=M', 'slot-id=1'])
    for (const command of strange === 'serial=0' ? [['keys'], ['prune', '--yes'], ['change-pin', '--new-pin-file', newPin]] : [['keys']])
      expect(await hsmonger('token', ...command, '--token', `pkcs11:token=everyday;${strange}`, ...two), strange).toMatchObject({
        err: expect.stringMatching(/There is no token that fits 'pkcs11:token=everyday;.*it has 'everyday' in slot/u) as string,
      });
});
