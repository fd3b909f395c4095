import { readFileSync, readlinkSync } from 'node:fs';

/**
 * One word that names this process among all of all boots: boot, PID namespace, number, start. A number alone is used again.
 * '' where /proc does not say.
 */
export function selfMark(): string {
  return markOf(process.pid) ?? '';
}

/** Whether the marked process has ended for certain: what runs in another PID namespace, or is hidden from us, has not. */
export function isGone(mark: string): boolean {
  const [boot, namespace, pid] = mark.split('/');
  const [ourBoot, ourNamespace] = here() ?? [];
  if (boot === undefined || boot === '' || namespace === undefined || pid === undefined || ourBoot === undefined || !/^\d+$/u.test(pid))
    return false;
  if (boot !== ourBoot) return true;
  if (namespace !== ourNamespace || !seesOthers()) return false;
  return markOf(Number(pid)) !== mark;
}

function markOf(pid: number): string | undefined {
  const place = here();
  const start = startOf(pid);
  return place === undefined || start === undefined ? undefined : [...place, String(pid), start].join('/');
}

/** Clock ticks since boot (proc(5), stat field 22); the program's name before it may hold anything, a parenthesis too. */
function startOf(pid: number): string | undefined {
  const stat = contentOf(`/proc/${String(pid)}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function here(): [boot: string, namespace: string] | undefined {
  const boot = contentOf('/proc/sys/kernel/random/boot_id')?.trim();
  try {
    return boot === undefined ? undefined : [boot, readlinkSync('/proc/self/ns/pid').replace(/\D/gu, '')];
  } catch {
    return undefined;
  }
}

/** /proc mounted with hidepid= shows a user its own processes alone. */
function seesOthers(): boolean {
  return startOf(1) !== undefined;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
