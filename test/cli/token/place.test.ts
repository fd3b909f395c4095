import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeOf } from '../../../src/cli/token/place.js';
import { tokenOf } from '../../../src/config/token-of.js';
import { privateDirectory } from '../../rig/directory.js';
import { ensureServiceUser } from '../../rig/service-user.js';

let scratch: ReturnType<typeof privateDirectory>;
let config: string;

beforeEach(() => {
  scratch = privateDirectory('place');
  config = path.join(scratch.path, 'etc');
  mkdirSync(config);
  const token = (label: string) =>
    `label = "${label}"\nmodule = "/usr/lib/softhsm/libsofthsm2.so"\npin-file = "/etc/hsmonger/${label}.pin"\n`;
  writeFileSync(
    path.join(config, 'two.toml'),
    `user = "${ensureServiceUser().name}"
[token]
${token('everyday')}
[tokens.safe]
${token('in the safe')}
[nss]
database = "/nowhere"
[issuer]
type = "token"
certificate = "ca"
`,
  );
});
afterEach(() => {
  scratch.remove();
});

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
  const { selector: by } = tokenOf(placeOf(options, {}, selector).instance);
  return by.by === 'label' ? by.label : by.by;
};

const uri = (label: string) => `pkcs11:token=${encodeURIComponent(label)};id=%01;type=private`;

test.each([
  [undefined, undefined, 'everyday'],
  [undefined, 'a label', 'everyday'],
  [undefined, 'pkcs11:id=%01', 'everyday'],
  [undefined, uri('everyday'), 'everyday'],
  [undefined, uri('in the safe'), 'in the safe'],
  ['safe', uri('everyday'), 'in the safe'],
  [uri('in the safe'), undefined, 'in the safe'],
])('of an instance over two tokens, --token %s and the object %s mean the token %s', (token, selector, label) => {
  expect(chosen(token, selector)).toBe(label);
});

test('a URI of a token the instance does not have is refused by --token', () => {
  expect(() => chosen(uri('another'))).toThrow("has no token 'another'; it has 'everyday', 'safe'.");
});
