import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HsmongerError, sentenceOf } from '../errors.js';

const largest = 4096;

/**
 * First line of the file with the bind's password. Refused unless root or this user owns it and nobody else can read or write it
 * (CONFIG_UNSAFE), and when there is nothing in it: a simple bind without a password is an anonymous one (RFC 4513 §5.1.2).
 */
export function readPasswordFile(file: string): string {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new HsmongerError(
      'CONFIG_INVALID',
      `Cannot read the directory's password file ${file}: ${sentenceOf(error)}. It is read before hsmonger becomes the service user.`,
      { cause: error },
    );
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > largest)
      throw new HsmongerError('CONFIG_INVALID', `The directory's password file ${file} is no file of at most ${String(largest)} octets.`);
    if ((stats.mode & 0o077) !== 0)
      throw new HsmongerError(
        'CONFIG_UNSAFE',
        `The directory's password file ${file} can be read or written by others (mode ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}); run: chmod 0600 '${file}'.`,
      );
    if (stats.uid !== 0 && stats.uid !== process.getuid?.())
      throw new HsmongerError(
        'CONFIG_UNSAFE',
        `The directory's password file ${file} belongs to uid ${String(stats.uid)}; run: chown root: '${file}'.`,
      );
    const [password = ''] = readFileSync(descriptor, 'utf8').split(/\r?\n/u);
    if (password === '')
      throw new HsmongerError(
        'CONFIG_INVALID',
        `The directory's password file ${file} has an empty first line, which would bind as nobody; write the password into it.`,
      );
    return password;
  } finally {
    closeSync(descriptor);
  }
}
