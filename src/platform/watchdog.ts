import { Worker } from 'node:worker_threads';

export interface Watchdog {
  stop(): void;
}

/**
 * Ends this process with SIGKILL after `seconds`, even while the main thread is blocked inside a PKCS#11 module (C_Initialize and
 * C_Login are synchronous, and a timer of the main thread would never fire). Before that it leaves `note` in `file`, so that
 * somebody learns why. The front line of the executable turns the death into certmonger's exit 5.
 */
export function startWatchdog(seconds: number, file: string, note: string): Watchdog {
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     const { writeFileSync } = require('node:fs');
     setTimeout(() => {
       try { writeFileSync(workerData.file, JSON.stringify({ at: new Date().toISOString(), message: workerData.note }), { mode: 0o600 }); } catch {}
       process.kill(process.pid, 'SIGKILL');
     }, workerData.milliseconds);`,
    // It prints nothing: left to node, its output would be joined to our own streams, which nobody has needed so far.
    { eval: true, stdout: true, stderr: true, workerData: { milliseconds: seconds * 1000, file, note } },
  );
  worker.unref();
  return { stop: () => void worker.terminate() };
}
