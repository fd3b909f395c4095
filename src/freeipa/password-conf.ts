import { HsmongerError } from '../errors.js';
import { onServer, readServerFile } from './server-file.js';

/** Dogtag's PINs. Each is a buffer of its own, to be wiped after use. */
export interface PasswordConf {
  /** The NSS database's own password. */
  readonly internal: Buffer | undefined;
  /** By token label. */
  readonly hardware: ReadonlyMap<string, Buffer>;
}

export const passwordConfFile = '/etc/pki/pki-tomcat/password.conf';

/** Reads /etc/pki/pki-tomcat/password.conf; FREEIPA_INVALID where there is none. No message holds anything of its content. */
export function readPasswordConf(root: string): PasswordConf {
  const content = readServerFile(root, passwordConfFile);
  if (content === undefined)
    throw new HsmongerError(
      'FREEIPA_INVALID',
      `There is no ${onServer(root, passwordConfFile)}, which has Dogtag's PINs; has this server a CA of its own?`,
    );
  const conf = parsePasswordConf(content);
  content.fill(0);
  return conf;
}

/**
 * `internal=PIN` and `hardware-TOKEN=PIN`, split at the first '=' and stripped of blanks at the ends (ipalib/install/certmonger.py,
 * get_pin); the first line of a token counts. Comments, blank lines and lines without '=' are passed over.
 */
export function parsePasswordConf(content: Buffer): PasswordConf {
  let internal: Buffer | undefined;
  const hardware = new Map<string, Buffer>();
  for (let start = 0; start < content.length;) {
    const newline = content.indexOf(0x0a, start);
    const end = newline < 0 ? content.length : newline;
    const line = content.subarray(start, end);
    start = end + 1;
    const equals = line.indexOf(0x3d);
    if (equals < 1 || line[0] === 0x23) continue;
    const name = line.subarray(0, equals).toString('utf8').trim();
    const pin = stripped(line.subarray(equals + 1));
    if (pin.length === 0) continue;
    const token = /^hardware-(?<token>.+)$/u.exec(name)?.groups?.['token'];
    if (name === 'internal') internal ??= Buffer.from(pin);
    else if (token !== undefined && !hardware.has(token)) hardware.set(token, Buffer.from(pin));
  }
  return { internal, hardware };
}

function stripped(value: Buffer): Buffer {
  const blank = (octet: number | undefined) => octet !== undefined && (octet === 0x20 || (octet >= 0x09 && octet <= 0x0d));
  let [from, to] = [0, value.length];
  while (from < to && blank(value[from])) from++;
  while (to > from && blank(value[to - 1])) to--;
  return value.subarray(from, to);
}
