import { describe, expect, it } from 'vitest';
import { element } from '../../src/x509/der.js';
import { constrainedNames, nameOutside } from '../../src/x509/names/constrained-names.js';
import { encodeGeneralName, subjectAltNameExtension } from '../../src/x509/names/general-name.js';
import { generalNameFromText } from '../../src/x509/names/general-name-text.js';
import { nameConstraintFromText } from '../../src/x509/names/name-constraint-text.js';
import { nameConstraintsExtension, readNameConstraints } from '../../src/x509/names/name-constraints.js';
import { subjectFromText } from '../../src/x509/names/subject-text.js';

const bases = (texts: readonly string[]) => texts.map(nameConstraintFromText);
const names = (texts: readonly string[]) => texts.map((text) => encodeGeneralName(generalNameFromText(text)));
const outside = (texts: readonly string[], permitted: readonly string[], excluded: readonly string[] = []) =>
  nameOutside(names(texts), { permitted: bases(permitted), excluded: bases(excluded) }) !== undefined;

describe('names below a CA with name constraints', () => {
  it.each([
    [['dns:a.example.test'], ['dns:example.test']],
    [['dns:example.test'], ['dns:example.test']],
    [['dns:*.example.test'], ['dns:example.test']],
    [['dns:a.example.test', 'ip:192.0.2.1'], ['dns:example.test']],
    [
      ['dns:other.test', 'dns:a.example.test'],
      ['dns:example.test', 'dns:other.test'],
    ],
    [['ip:10.1.2.3'], ['ip:10.0.0.0/8']],
    [['ip:2001:db8::5'], ['ip:2001:db8::/32']],
    [['email:a@example.test'], ['email:example.test']],
    [['email:a@b.example.test'], ['email:.example.test']],
    [['email:a@example.test'], ['email:a@example.test']],
    [['uri:https://a.example.test:8443/x'], ['uri:.example.test']],
    [['uri:https://example.test/'], ['uri:example.test']],
    [['dirName:CN=a,OU=b,O=EXAMPLE.TEST'], ['dirName:o=example.test']],
  ])('%j may be below %j', (given, permitted) => {
    expect(outside(given, permitted)).toBe(false);
  });

  it.each([
    [['dns:badexample.test'], ['dns:example.test'], []],
    [['dns:a.example.test', 'dns:b.test'], ['dns:example.test'], []],
    [['ip:11.0.0.1'], ['ip:10.0.0.0/8'], []],
    [['ip:2001:db8::1'], ['ip:10.0.0.0/8'], []],
    [['email:a@b.example.test'], ['email:example.test'], []],
    [['email:a@example.test'], ['email:.example.test'], []],
    [['email:A@example.test'], ['email:a@example.test'], []],
    [['uri:https://example.test/'], ['uri:.example.test'], []],
    [['uri:urn:x:y'], ['uri:.example.test'], []],
    [['uri:https://192.0.2.1/'], [], ['uri:.example.test']],
    [['dirName:CN=a,O=OTHER'], ['dirName:O=EXAMPLE.TEST'], []],
    [['dns:a.bad.test'], [], ['dns:bad.test']],
    [['dns:*.example.test'], ['dns:example.test'], ['dns:secret.example.test']],
  ])('%j may not be below %j without %j', (given, permitted, excluded) => {
    expect(outside(given, permitted, excluded)).toBe(true);
  });

  it('a kind nobody can compare is outside as soon as it is constrained', () => {
    const registered = element(0x88, Uint8Array.of(0x2a, 0x03));
    expect(nameOutside([registered], { permitted: [], excluded: [registered] })).toEqual(registered);
    expect(nameOutside([registered], { permitted: bases(['dns:a.test']), excluded: [] })).toBeUndefined();
  });

  it('takes the subject, its mail address, and its common name where no host is named', () => {
    const subject = subjectFromText('E=a@b.test,CN=www.example.test,O=X');
    expect(constrainedNames(subject, [])).toEqual([
      ...names(['dirName:E=a@b.test,CN=www.example.test,O=X', 'email:a@b.test', 'dns:www.example.test']),
    ]);
    const alternative = subjectAltNameExtension(names(['dns:a.test']), subject);
    expect(constrainedNames(subject, [alternative])).toEqual(
      names(['dirName:E=a@b.test,CN=www.example.test,O=X', 'dns:a.test', 'email:a@b.test']),
    );
    expect(constrainedNames(subjectFromText(''), [alternative])).toEqual(names(['dns:a.test']));
    expect(constrainedNames(subjectFromText('CN=Sales dept. 1'), [])).toEqual(names(['dirName:CN=Sales dept. 1']));
  });

  it('a range whose base has bits outside its mask is the range without them, as openssl reads it', () => {
    const base = element(0x87, Uint8Array.of(10, 1, 2, 3, 255, 0, 0, 0));
    expect(nameOutside(names(['ip:10.9.9.9']), { permitted: [], excluded: [base] })).toBeDefined();
    expect(nameOutside(names(['ip:10.9.9.9']), { permitted: [base], excluded: [] })).toBeUndefined();
    expect(nameOutside(names(['ip:11.1.2.3']), { permitted: [base], excluded: [] })).toBeDefined();
  });

  it('come out of the extension again; distances and rubbish do not', () => {
    const constraints = { permitted: bases(['dns:a.test', 'ip:10.0.0.0/8']), excluded: bases(['dirName:O=X']) };
    expect(readNameConstraints([nameConstraintsExtension(constraints)])).toEqual(constraints);
    expect(readNameConstraints([])).toEqual({ permitted: [], excluded: [] });
    const { value, ...rest } = nameConstraintsExtension({ permitted: bases(['dns:a.test']), excluded: [] });
    expect(() => readNameConstraints([{ ...rest, value: value.subarray(0, 4) }])).toThrow(/cannot be read/u);
    const distant = element(0x30, element(0xa0, element(0x30, bases(['dns:a.test'])[0]!, element(0x80, Uint8Array.of(1)))));
    expect(() => readNameConstraints([{ ...rest, value: distant }])).toThrow(/distances/u);
  });
});
