import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { humanText } from '../../../src/cli/doctor/output/human.js';
import { healthcheckJson } from '../../../src/cli/doctor/output/json.js';
import { nagiosExit, nagiosLine, nagiosUnknownLine } from '../../../src/cli/doctor/output/nagios.js';
import { prometheusText } from '../../../src/cli/doctor/output/prometheus.js';
import { chosenChecks, shown } from '../../../src/cli/doctor/select.js';
import { checks } from '../../../src/doctor/checks.js';
import type { Result } from '../../../src/doctor/run.js';
import { run } from '../../../src/platform/run.js';
import { privateDirectory, type PrivateDirectory } from '../../rig/directory.js';

const result = (change: Partial<Result>): Result => ({
  source: 'hsmonger.token',
  check: 'TokenPresent',
  instance: 'one',
  when: new Date('2026-06-01T10:20:30.456Z'),
  duration: 0.25,
  severity: 'success',
  key: 'hsm',
  message: 'The token is there.',
  ...change,
});
/** What comes from outside may hold anything. */
const nasty = 'a {key} {0} | b\u001b[31m "c" \\d';
const results: Result[] = [
  result({}),
  result({ check: 'TokenPinState', severity: 'warning', message: 'A login has failed.', fix: 'Find out who.' }),
  result({
    source: 'hsmonger.nss',
    check: 'NssTrust',
    severity: 'error',
    key: nasty,
    message: `The trust of '${nasty}' is wrong.`,
    fix: `Set it for '${nasty}'.`,
  }),
  result({ instance: 'two', severity: 'critical', message: 'The token is away.', fix: 'Plug it in.' }),
];
const of = { at: new Date('2026-06-01T10:20:30Z'), seconds: 1.5 };

let directory: PrivateDirectory;
const file = (name: string, text: string) => {
  const where = path.join(directory.path, name);
  writeFileSync(where, text);
  return where;
};

beforeAll(() => {
  directory = privateDirectory();
});
afterAll(() => {
  directory.remove();
});

describe('json', () => {
  /**
   * ipa-healthcheck's own command, but for its question whether this is an IPA server (it starts on no other), and without checks of its
   * own.
   */
  const healthcheck = (...args: string[]) =>
    run(
      '/usr/bin/python3',
      [
        '-c',
        'import sys\nfrom ipahealthcheck.core.main import IPAChecks\nIPAChecks.pre_check = lambda self: None\nsys.exit(IPAChecks([], sys.argv.pop(1)).run_healthcheck())',
        file('healthcheck.conf', '[default]\n'),
        ...args,
      ],
      { okExitCodes: [0, 1] },
    );

  test('is read by ipa-healthcheck --input-file, which prints each finding with its fix and counts it', async () => {
    const input = file('doctor.json', healthcheckJson(results));
    const human = await healthcheck('--input-file', input, '--output-type', 'human', '--all');
    expect(human.stderr).toBe('');
    expect(human.stdout.split('\n')).toEqual([
      'SUCCESS: hsmonger.token.TokenPresent.hsm: The token is there.',
      'WARNING: hsmonger.token.TokenPinState.hsm: A login has failed. Find out who.',
      `ERROR: hsmonger.nss.NssTrust.${nasty}: The trust of '${nasty}' is wrong. Set it for '${nasty}'.`,
      'CRITICAL: hsmonger.token.TokenPresent.hsm: The token is away. Plug it in.',
      '',
    ]);
    expect(human.exitCode).toBe(1);
    expect(
      (await healthcheck('--input-file', file('fine.json', healthcheckJson([results[0]!])), '--failures-only', '--output-type', 'human'))
        .stdout,
    ).toBe('No issues found.\n');
    expect(
      (
        await healthcheck(
          '--input-file',
          input,
          '--source',
          'hsmonger.token',
          '--check',
          'TokenPinState',
          '--output-type',
          'human',
          '--all',
        )
      ).stdout,
    ).toMatch(/^WARNING: [^\n]+\n$/u);
  });

  test('goes through ipa-healthcheck and comes out as it was', async () => {
    const { stdout } = await healthcheck('--input-file', file('again.json', healthcheckJson(results)), '--output-type', 'json', '--all');
    const parts = (text: string) => (JSON.parse(text) as Record<string, unknown>[]).map((one) => ({ ...one, uuid: typeof one['uuid'] }));
    expect(parts(stdout)).toEqual(parts(healthcheckJson(results)));
    expect(parts(stdout)[0]).toEqual({
      source: 'hsmonger.token',
      check: 'TokenPresent',
      result: 'SUCCESS',
      uuid: 'string',
      when: '20260601102030Z',
      duration: '0.250000',
      kw: { key: 'hsm', instance: 'one', finding: 'The token is there.', msg: '{finding}' },
    });
  });

  test('cannot drive a terminal', () => {
    expect(healthcheckJson(results)).not.toMatch(/\u001b/u);
  });
});

describe('prometheus', () => {
  test('is exposition text promtool has nothing to say about', async () => {
    const text = await prometheusText(results, of);
    const { stdout, stderr } = await run('promtool', ['check', 'metrics'], { input: text });
    expect(stdout + stderr).toBe('');
    expect(text).toContain('hsmonger_doctor_findings{instance="one",severity="error"} 1\n');
    expect(text).toContain('hsmonger_doctor_findings{instance="two",severity="error"} 0\n');
    expect(text).toContain('hsmonger_doctor_check_state{instance="two",source="hsmonger.token",check="TokenPresent"} 3\n');
    expect(text).toContain('hsmonger_doctor_check_state{instance="one",source="hsmonger.token",check="TokenPresent"} 0\n');
    expect(text).toContain('hsmonger_doctor_last_run_timestamp_seconds 1780309230\n');
  });

  test('promtool would say something about text that is none', async () => {
    await expect(run('promtool', ['check', 'metrics'], { input: 'hsmonger_doctor_findings{ 1\n' })).rejects.toThrow();
  });
});

describe('nagios', () => {
  test.each<[Result[], 0 | 1 | 2, RegExp]>([
    [
      [results[0]!],
      0,
      /^HSMONGER OK - nothing is wrong \(1 finding\) \| critical=0;;0;0 error=0;;0;0 warning=0;0;;0 success=1;;;0 time=1\.500s;;;0\n$/u,
    ],
    [results.slice(0, 2), 1, /^HSMONGER WARNING - one: A login has failed\. \| critical=0.* warning=1;0/u],
    [results.slice(0, 3), 2, /^HSMONGER CRITICAL - one: The trust of [^|]*is wrong\. \(and 1 more\) \| critical=0;;0;0 error=1/u],
    [results, 2, /^HSMONGER CRITICAL - two: The token is away\. \(and 2 more\) \| critical=1;;0;0 error=1;;0;0 warning=1;0;;0 success=1/u],
  ])('tells the worst in one line with its numbers (%#)', (some, exitCode, line) => {
    expect(nagiosExit(some)).toBe(exitCode);
    expect(nagiosLine(some, 1.5)).toMatch(line);
    // Python's '.' and JavaScript's alike: one line.
    expect(nagiosLine(some, 1.5).split('\n')).toHaveLength(2);
  });

  test("is understood by the monitoring plug-ins' own negate, exit code and word", async () => {
    const plugin = file(
      'plugin',
      `#!/bin/sh\ncat <<'EOF'\n${nagiosLine(results.slice(0, 2), 1.5)}EOF\nexit ${String(nagiosExit(results.slice(0, 2)))}\n`,
    );
    chmodSync(plugin, 0o755);
    const { stdout, exitCode } = await run('/usr/lib/nagios/plugins/negate', ['-s', '-w', 'CRITICAL', plugin], {
      okExitCodes: [0, 1, 2, 3],
    });
    expect({ stdout, exitCode }).toEqual({ stdout: nagiosLine(results.slice(0, 2), 1.5).replace('WARNING', 'CRITICAL'), exitCode: 2 });
  });

  test('says UNKNOWN where the doctor itself fails', () => {
    expect(nagiosUnknownLine('No | file.')).toBe('HSMONGER UNKNOWN - No / file.\n');
  });
});

describe('human', () => {
  test('tells the worst last, each with what to do, and cannot be made to drive a terminal', () => {
    expect(humanText(shown(results, { severity: undefined, failuresOnly: true }), results, false)).toBe(
      [
        'warning   one: TokenPinState: A login has failed.',
        '          -> Find out who.',
        `error     one: NssTrust: The trust of 'a {key} {0} | b\\u{1b}[31m "c" \\d' is wrong.`,
        `          -> Set it for 'a {key} {0} | b\\u{1b}[31m "c" \\d'.`,
        'critical  two: TokenPresent: The token is away.',
        '          -> Plug it in.',
        '1 critical, 1 error, 1 warning, 1 success.',
        '',
      ].join('\n'),
    );
    expect(humanText([results[0]!], [results[0]!], false)).toBe(
      'success   TokenPresent: The token is there.\nNothing is wrong (1 finding).\n',
    );
  });

  test('has colour only where asked for', () => {
    expect(humanText(results, results, true)).toMatch(/\u001b\[31mcritical\u001b/u);
    expect(humanText(results, results, false)).not.toMatch(/\u001b/u);
  });
});

describe('what is chosen', () => {
  const names = (source?: string, check?: string) => chosenChecks(checks, { source, check }).map(({ name }) => name);

  test('is a source with all below it, or one check, as ipa-healthcheck has it', () => {
    expect(names()).toEqual(checks.map(({ name }) => name));
    expect(names('hsmonger')).toEqual(names());
    expect(names('hsmonger.pin')).toEqual(['PinSource', 'PinWorks']);
    expect(names('pin')).toEqual(names('hsmonger.pin'));
    expect(names('hsmonger.pin', 'PinWorks')).toEqual(['PinWorks']);
    expect(names(undefined, 'PinWorks')).toEqual(['PinWorks']);
    expect(() => names('hsmonger.pi')).toThrow(/There is no source 'hsmonger\.pi' of checks; there are module, /u);
    expect(() => names('hsmonger.pin', 'TokenPresent')).toThrow(/There is no check 'TokenPresent' of source 'hsmonger\.pin'/u);
  });

  test('is shown by severity', () => {
    const severitiesOf = (some: readonly Result[]) => some.map(({ severity }) => severity);
    expect(severitiesOf(shown(results, { severity: ['success', 'critical'], failuresOnly: false }))).toEqual(['success', 'critical']);
    expect(severitiesOf(shown(results, { severity: ['success', 'critical'], failuresOnly: true }))).toEqual(['critical']);
  });

  test('no two checks share a name, and each says in a sentence what it is about', () => {
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
    for (const { about, source } of checks) {
      expect(about).toMatch(/^\S.*\.$/u);
      expect(source).toMatch(/^hsmonger\.[a-z]+$/u);
    }
  });
});
