import { closeSync, constants, fchmodSync, openSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Puts metrics where node_exporter's textfile collector reads them: 0644, in one step. The directory may be node_exporter's own and not
 * root's, so it is opened once and looked at where it really is; a link on the way, whoever put it there, leads nowhere. What lies under
 * the file's name, a link too, is replaced. Errors are the system's, or a sentence.
 */
export function writeTextfile(file: string, text: string): void {
  const directory = openSync(path.dirname(file), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const inside = `/proc/self/fd/${String(directory)}`;
    const real = readlinkSync(inside);
    if (real !== path.dirname(file))
      throw new Error(`${path.dirname(file)} leads to ${real} through a symbolic link; name the directory itself in agent.conf`);
    // node_exporter reads *.prom alone.
    const temporary = path.join(inside, `.${path.basename(file)}.${String(process.pid)}`);
    rmSync(temporary, { force: true });
    try {
      put(temporary, text);
      renameSync(temporary, path.join(inside, path.basename(file)));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  } finally {
    closeSync(directory);
  }
}

/** Not synced: after a crash of the machine it is written again. */
function put(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(descriptor, text);
    fchmodSync(descriptor, 0o644);
  } finally {
    closeSync(descriptor);
  }
}
