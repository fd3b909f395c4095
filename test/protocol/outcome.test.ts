import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeOutcome } from '../../src/protocol/outcome.js';
import { readOperation } from '../../src/protocol/operation.js';
import { readFlags } from '../../src/protocol/flags.js';

describe('an answer', () => {
  it('to an issue is JSON, ASCII, with exactly the keys certmonger reads (submit-e.c:56-59)', () => {
    const { exitCode, stdout } = encodeOutcome({
      kind: 'issued',
      certificate: 'C',
      chain: ['I'],
      roots: [{ nickname: 'Würzel', certificate: 'R' }],
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[\x20-\x7e]*\n$/u);
    expect(JSON.parse(stdout)).toEqual({
      certificate: 'C',
      chain: [{ nickname: 'chain #1', certificate: 'I' }],
      roots: [{ nickname: 'Würzel', certificate: 'R' }],
    });
  });

  it('that refuses or waits has its reason, or its delay, on the first line', () => {
    expect(encodeOutcome({ kind: 'rejected', reason: 'because\nof that' })).toEqual({ exitCode: 2, stdout: 'because of that\n' });
    expect(encodeOutcome({ kind: 'unconfigured', reason: 'no file' })).toEqual({ exitCode: 4, stdout: 'no file\n' });
    expect(encodeOutcome({ kind: 'retry', afterSeconds: 10 })).toEqual({ exitCode: 5, stdout: '10\nhsmonger\n' });
    expect(encodeOutcome({ kind: 'retry', afterSeconds: 10, cookie: 'state=check&requestId=7' })).toEqual({
      exitCode: 5,
      stdout: '10\nstate=check&requestId=7\n',
    });
    expect(encodeOutcome({ kind: 'unsupported' })).toEqual({ exitCode: 6, stdout: '' });
  });

  it('never asks certmonger to come back at once: that would be a loop', () => {
    expect(encodeOutcome({ kind: 'retry', afterSeconds: 0 }).stdout).toMatch(/^1\n/u);
  });

  it('is one line whatever a reason holds', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (reason) => !/[\p{Cc}]/u.test(encodeOutcome({ kind: 'rejected', reason }).stdout.slice(0, -1)),
      ),
    );
  });
});

describe('an operation', () => {
  it.each([
    ['IDENTIFY', 'identify'],
    ['FETCH-ROOTS', 'fetch-roots'],
    ['GET-SUPPORTED-TEMPLATES', 'supported-templates'],
    ['GET-DEFAULT-TEMPLATE', 'default-template'],
    ['GET-NEW-REQUEST-REQUIREMENTS', 'new-request-requirements'],
    ['GET-RENEW-REQUEST-REQUIREMENTS', 'renew-request-requirements'],
    ['SUBMIT', 'enrol'],
    ['POLL', 'enrol'],
    ['FETCH-SCEP-CA-CERTS', 'unsupported'],
    ['FETCH-SCEP-CA-CAPS', 'unsupported'],
    ['submit', 'unsupported'],
    ['__proto__', 'unsupported'],
  ])('%s is read as %s', (name, kind) => {
    expect(readOperation({ CERTMONGER_OPERATION: name }).kind).toBe(kind);
  });

  it('without a name is unsupported', () => {
    expect(readOperation({}).kind).toBe('unsupported');
  });

  it('keeps what certmonger set and takes an empty variable as unset', () => {
    expect(
      readOperation({ CERTMONGER_OPERATION: 'SUBMIT', CERTMONGER_CSR: 'x', CERTMONGER_CERTIFICATE: '', CERTMONGER_CA_PROFILE: 'p' }),
    ).toEqual({
      kind: 'enrol',
      variables: { csr: 'x', oldCertificate: undefined, profile: 'p', cookie: undefined },
    });
  });

  it.each([
    ['POLL', { CERTMONGER_CA_COOKIE: 'hsmonger' }, 'hsmonger'],
    ['POLL', { CERTMONGER_CA_COOKIE: '' }, undefined],
    ['POLL', {}, undefined],
    // Left over from before the request was changed.
    ['SUBMIT', { CERTMONGER_CA_COOKIE: 'hsmonger' }, undefined],
  ])('%s with %j goes on from %s', (name, variables, cookie) => {
    expect(readOperation({ CERTMONGER_OPERATION: name, ...variables })).toMatchObject({ variables: { cookie } });
  });
});

describe('flags', () => {
  it('are read in both spellings', () => {
    expect(readFlags(['--instance', 'a', '--state-dir=/s'])).toEqual({
      instance: 'a',
      stateDir: '/s',
      configDir: undefined,
      request: undefined,
      reuseExisting: false,
      forceSelfSigned: false,
      unknown: undefined,
    });
  });
  it("of FreeIPA's helper take no value", () => {
    expect(readFlags(['--reuse-existing', '--instance', 'a'])).toMatchObject({
      instance: 'a',
      reuseExisting: true,
      forceSelfSigned: false,
      unknown: undefined,
    });
    expect(readFlags(['--instance', 'a', '--force-self-signed'])).toMatchObject({
      instance: 'a',
      reuseExisting: false,
      forceSelfSigned: true,
      unknown: undefined,
    });
  });
  it.each([[['--reuse-existing=yes']], [['--bogus', 'x']], [['x']], [['--instance']], [['--toString', 'x']]])(
    'name the word that is not known: %j',
    (argv) => {
      expect(readFlags(argv).unknown).toBe(argv[0]);
    },
  );
});
