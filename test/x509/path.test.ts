import { beforeAll, describe, expect, it } from 'vitest';
import type { Certificate } from '../../src/x509/certificate.js';
import { findPath, isSelfSigned, role } from '../../src/x509/path.js';
import { nameConstraintFromText } from '../../src/x509/names/name-constraint-text.js';
import { nameConstraintsExtension } from '../../src/x509/names/name-constraints.js';
import {
  caConstraints,
  day,
  dnsNames,
  extension,
  keyUsage,
  leafConstraints,
  makeCertificate,
  makeKeys,
  now,
  usage,
  type Keys,
} from './material.js';
import { verdict } from './openssl.js';

let rootKeys: Keys;
let middleKeys: Keys;
let leafKeys: Keys;
let root: Certificate;
let middle: Certificate;
let leaf: Certificate;
const later = new Date(now.getTime() + 400 * day);

beforeAll(async () => {
  [rootKeys, middleKeys, leafKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  root = await makeCertificate({ keys: rootKeys, subject: 'CN=Root', extensions: [caConstraints()] });
  middle = await makeCertificate({
    keys: middleKeys,
    subject: 'CN=Middle',
    by: { keys: rootKeys, certificate: root },
    extensions: [caConstraints()],
  });
  leaf = await makeCertificate({ keys: leafKeys, subject: 'CN=Leaf', by: { keys: middleKeys, certificate: middle } });
});

describe('a path', () => {
  it('goes up to the root whatever the order, as openssl says too', () => {
    for (const candidates of [
      [root, middle],
      [middle, root],
      [leaf, root, middle, middle],
    ])
      expect(findPath(leaf, candidates, now)).toEqual({ chain: [middle], roots: [root] });
    expect(verdict(leaf.der, [middle.der], [root.der], now)).not.toMatch(/signature failure/u);
  });

  it('of a root is the root itself', () => {
    expect(findPath(root, [], now)).toEqual({ chain: [], roots: [root] });
  });

  it('takes the issuer that lasts longest and is valid now', async () => {
    const longer = await makeCertificate({ keys: rootKeys, subject: 'CN=Root', notAfter: later, extensions: [caConstraints()] });
    const future = await makeCertificate({
      keys: rootKeys,
      subject: 'CN=Root',
      notBefore: new Date(now.getTime() + day),
      notAfter: new Date(later.getTime() + day),
      extensions: [caConstraints()],
    });
    for (const candidates of [
      [middle, root, longer, future],
      [future, longer, root, middle],
    ])
      expect(findPath(leaf, candidates, now)).toEqual({ chain: [middle], roots: [longer] });
  });

  it.each([
    ['the issuer is not at hand', () => findPath(leaf, [root], now), /no certificate of CN=Middle is at hand/u],
    [
      'the name fits and the key does not',
      async () =>
        findPath(leaf, [root, await makeCertificate({ keys: leafKeys, subject: 'CN=Middle', extensions: [caConstraints()] })], now),
      /no certificate of CN=Middle/u,
    ],
    ['something has expired', () => findPath(leaf, [middle, root], new Date(now.getTime() + 30 * day)), /expired at/u],
    ['something is not valid yet', () => findPath(leaf, [middle, root], new Date(now.getTime() - 800 * day)), /is not valid before/u],
    [
      'the issuer is no CA',
      async () =>
        findPath(
          await below(
            await makeCertificate({
              keys: middleKeys,
              subject: 'CN=Middle',
              by: { keys: rootKeys, certificate: root },
              extensions: [leafConstraints()],
            }),
          ),
          [root],
          now,
        ),
      /no certificate of CN=Middle/u,
    ],
    [
      'the issuer may not sign certificates',
      async () => {
        const bad = await makeCertificate({
          keys: middleKeys,
          subject: 'CN=Middle',
          by: { keys: rootKeys, certificate: root },
          extensions: [caConstraints(), keyUsage(usage.cRLSign)],
        });
        return findPath(leaf, [bad, root], now);
      },
      /no certificate of CN=Middle/u,
    ],
    [
      'the path length is used up',
      async () => {
        const tight = await makeCertificate({ keys: rootKeys, subject: 'CN=Root', extensions: [caConstraints(0)] });
        return findPath(leaf, [middle, tight], now);
      },
      /no certificate of CN=Root/u,
    ],
    [
      'two certificates sign each other',
      async () => {
        const a = await makeCertificate({
          keys: rootKeys,
          subject: 'CN=Root',
          by: { keys: middleKeys, certificate: middle },
          extensions: [caConstraints()],
        });
        return findPath(leaf, [middle, a], now);
      },
      /no certificate of/u,
    ],
  ])('does not validate when %s', async (_what, find, message) => {
    expect(await find()).toEqual({ fault: expect.stringMatching(message) as string });
  });

  it('holds names to the constraints of every CA above them, as openssl does; what only a self-issued CA is called does not count', async () => {
    const constraints = nameConstraintsExtension({
      permitted: [nameConstraintFromText('dns:inside.test')],
      excluded: [nameConstraintFromText('ip:10.0.0.0/8')],
    });
    const strict = await makeCertificate({
      keys: middleKeys,
      subject: 'CN=Middle',
      by: { keys: rootKeys, certificate: root },
      extensions: [caConstraints(), extension(constraints.oid, [...constraints.value], true)],
    });
    const named = (host: string) =>
      makeCertificate({ keys: leafKeys, subject: 'CN=Leaf', by: { keys: middleKeys, certificate: strict }, extensions: [dnsNames(host)] });
    const [inside, outside] = [await named('www.inside.test'), await named('www.outside.test')];
    expect(findPath(inside, [strict, root], now)).toEqual({ chain: [strict], roots: [root] });
    expect(findPath(outside, [strict, root], now)).toEqual({
      fault: 'the name dns:www.outside.test of CN=Leaf is outside the name constraints of CN=Middle',
    });
    expect(verdict(inside.der, [strict.der], [root.der], now)).not.toMatch(/subtree violation/u);
    expect(verdict(outside.der, [strict.der], [root.der], now)).toMatch(/permitted subtree violation/u);
    // Another certificate of the same CA that does not constrain is another path.
    expect(findPath(outside, [strict, middle, root], now)).toEqual({ chain: [middle], roots: [root] });
    const again = await makeCertificate({
      keys: leafKeys,
      subject: 'CN=Middle',
      by: { keys: middleKeys, certificate: strict },
      extensions: [caConstraints(), dnsNames('www.outside.test')],
    });
    const below = await makeCertificate({
      keys: rootKeys,
      subject: 'CN=Below',
      by: { keys: leafKeys, certificate: again },
      extensions: [dnsNames('a.inside.test')],
    });
    expect(findPath(below, [again, strict, root], now)).toEqual({ chain: [again, strict], roots: [root] });
  });

  it('is not sought for ever among authorities of one name and key that sign each other', async () => {
    // Two names with one key: every certificate of the one stands above every one of the other.
    const [a, b] = await Promise.all(
      ['CN=Middle', 'CN=Above'].map((subject) => makeCertificate({ keys: middleKeys, subject, extensions: [caConstraints()] })),
    );
    const each = (subject: string, certificate: Certificate) =>
      Array.from({ length: 8 }, (_, index) =>
        makeCertificate({
          keys: middleKeys,
          subject,
          by: { keys: middleKeys, certificate },
          serial: `0${String(index + 1)}`,
          extensions: [caConstraints()],
        }),
      );
    const loop = await Promise.all([...each('CN=Middle', b!), ...each('CN=Above', a!)]);
    const began = performance.now();
    expect(findPath(leaf, loop, now)).toEqual({
      fault: expect.stringMatching(/within 200 checks of a signature: too many certificates of CN=/u) as string,
    });
    expect(performance.now() - began).toBeLessThan(5000);
    expect(findPath(leaf, [...loop.slice(0, 3), middle, root], now)).toEqual({ chain: [middle], roots: [root] });
  });

  it('is found with validity left aside where no time is given', () => {
    expect(findPath(leaf, [middle, root])).toEqual({ chain: [middle], roots: [root] });
  });
});

describe('the role of a certificate', () => {
  it('is told by its basic constraints, else by what it may and does sign', async () => {
    expect(role(root)).toBe('ca');
    expect(role(leaf)).toBe('leaf');
    expect(role(await makeCertificate({ keys: leafKeys, extensions: [leafConstraints()] }))).toBe('leaf');
    expect(role(await makeCertificate({ keys: leafKeys }))).toBe('either');
    expect(role(await makeCertificate({ keys: leafKeys, extensions: [keyUsage(usage.digitalSignature)] }))).toBe('leaf');
    expect(
      role(await makeCertificate({ keys: leafKeys, by: { keys: rootKeys, certificate: root }, extensions: [keyUsage(usage.keyCertSign)] })),
    ).toBe('either');
  });

  it('of a self-signed one needs its own signature, not only its own name', async () => {
    expect(isSelfSigned(root)).toBe(true);
    expect(isSelfSigned(await makeCertificate({ keys: leafKeys, subject: 'CN=Root', by: { keys: rootKeys, certificate: root } }))).toBe(
      false,
    );
  });
});

async function below(issuer: Certificate): Promise<Certificate> {
  return makeCertificate({ keys: leafKeys, subject: 'CN=Leaf', by: { keys: middleKeys, certificate: issuer } });
}
