import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { expect, test } from 'vitest';
import { parseInstance } from '../../src/config/schema.js';
import { gatherPrivileged } from '../../src/service/privileged.js';
import { privateDirectory } from '../rig/directory.js';
import { makeCertificate, makeKeys, pem } from '../x509/material.js';

test('of a certificate file that holds the chain as well, the first is the certificate', async () => {
  const place = privateDirectory('privileged');
  try {
    const [keys, others] = await Promise.all([makeKeys('p256'), makeKeys('p256')]);
    const [leaf, above] = [await makeCertificate({ keys }), await makeCertificate({ keys: others })];
    const files = { certificate: path.join(place.path, 'ra.pem'), key: path.join(place.path, 'ra.key') };
    writeFileSync(files.key, keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const instance = parseInstance(
      'x',
      '/x.toml',
      parse(
        `[token]\nlabel="t"\nmodule="/m.so"\npin-file="/p"\n[nss]\ndatabase="/n"\n[issuer]\ntype="external"\ncertificate="ca"\n[[certificate]]\nnickname="ra"\nprofile="caSubsystemCert"\ncertificate-file="${files.certificate}"\nkey-file="${files.key}"\n`,
      ),
    );
    const sight = async (content: string) => {
      writeFileSync(files.certificate, content);
      return (await gatherPrivileged('pending savings', instance, { name: 'root', uid: 0, gid: 0, home: '/' })).files?.get('ra');
    };
    const seen = await sight(`${pem(leaf.der)}${pem(above.der)}`);
    expect(seen?.troubles).toEqual([]);
    expect(Buffer.from(seen!.certificate!)).toEqual(Buffer.from(leaf.der));
    expect(Buffer.from(seen!.publicKey!)).toEqual(Buffer.from(keys.spki));
    expect(await sight('nothing')).toMatchObject({ troubles: [expect.stringContaining('holds no certificate in PEM')] });
  } finally {
    place.remove();
  }
});
