import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { instanceNames, loadInstance } from '../../src/config/load.js';
import { privateDirectory } from '../rig/directory.js';

const text = `
[token]
label = "t"
module = "/usr/lib/softhsm/libsofthsm2.so"
pin-file = "/p"
[nss]
database = "/n"
[issuer]
type = "token"
certificate = "c"
`;

let scratch: ReturnType<typeof privateDirectory>;
let config: string;
const directories = () => ({ config, state: '/nowhere' });

beforeEach(() => {
  scratch = privateDirectory();
  config = path.join(scratch.path, 'etc');
  mkdirSync(config);
  writeFileSync(path.join(config, 'one.toml'), text);
});
afterEach(() => {
  scratch.remove();
});

describe('an instance file', () => {
  it('is read when it and its parents belong to root', () => {
    expect(loadInstance(directories(), 'one').name).toBe('one');
    expect(instanceNames(directories())).toEqual(['one']);
  });

  it.each([
    [
      'others can write it',
      () => {
        chmodSync(path.join(config, 'one.toml'), 0o646);
      },
      /one\.toml can be written by others \(mode 0646\)/u,
    ],
    [
      'its group can write it',
      () => {
        chmodSync(path.join(config, 'one.toml'), 0o664);
      },
      /mode 0664/u,
    ],
    [
      "it is not root's",
      () => {
        chownSync(path.join(config, 'one.toml'), 65534, 65534);
      },
      /owned by uid 65534/u,
    ],
    [
      'others can write its directory',
      () => {
        chmodSync(config, 0o777);
      },
      /etc can be written by others/u,
    ],
    [
      "its directory is not root's",
      () => {
        chownSync(config, 65534, 65534);
      },
      /etc is owned by uid 65534/u,
    ],
  ])('is refused when %s', (_what, spoil, message) => {
    spoil();
    expect(() => loadInstance(directories(), 'one')).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNSAFE', message: expect.stringMatching(message) as string }),
    );
  });

  it('is refused when a link on the way leads through a directory others can write', () => {
    const open = path.join(scratch.path, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    writeFileSync(path.join(open, 'two.toml'), text);
    symlinkSync(path.join(open, 'two.toml'), path.join(config, 'two.toml'));
    expect(() => loadInstance(directories(), 'two')).toThrow(expect.objectContaining({ code: 'CONFIG_UNSAFE' }));
  });

  it('says what to do when it is missing', () => {
    expect(() => loadInstance(directories(), 'none')).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FOUND', message: expect.stringContaining('hsmonger setup --instance none') as string }),
    );
  });

  it('that is not TOML is refused with the place', () => {
    writeFileSync(path.join(config, 'one.toml'), 'x = = 1');
    expect(() => loadInstance(directories(), 'one')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('has no name that leaves the directory', () => {
    expect(() => loadInstance(directories(), '../etc/one')).toThrow(expect.objectContaining({ code: 'CONFIG_NOT_FOUND' }));
  });
});
