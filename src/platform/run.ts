import { HsmongerError } from '../errors.js';

export interface RunOptions {
  /** Milliseconds; every external call has a limit. Default 60 000. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** Exit codes that are answers, not failures. Default [0]. */
  readonly okExitCodes?: readonly number[];
  readonly cwd?: string;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const path = '/usr/bin:/bin:/usr/sbin:/sbin';
const maxBuffer = 64 * 1024 * 1024;

/**
 * Runs a program with an argument list, never a shell, with a clean environment. Loads execa when first called: the helper
 * answers most operations without it.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { execa } = await import('execa');
  const result = await execa(program, args, {
    reject: false,
    extendEnv: false,
    env: { PATH: path, LC_ALL: 'C.UTF-8', ...(process.env['HOME'] === undefined ? {} : { HOME: process.env['HOME'] }), ...options.env },
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
    maxBuffer,
    stripFinalNewline: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  if (result.exitCode === undefined || !(options.okExitCodes ?? [0]).includes(result.exitCode)) {
    const said = `${result.stderr}\n${result.stdout}`.trim().split('\n').slice(-3).join(' ').trim();
    const how = result.timedOut
      ? 'gave no answer in time'
      : `failed (${result.exitCode === undefined ? (result.shortMessage ?? '') : `exit ${String(result.exitCode)}`})`;
    throw new HsmongerError('COMMAND_FAILED', `${program} ${how}${said === '' ? '' : `: ${said}`}.`, { cause: result });
  }
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}
