import { isUtf8 } from 'node:buffer';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import type { PinSource, UnlockedPin } from '../../config/instance.js';
import { unlockCommand } from '../../config/token-of.js';
import { HsmongerError, sentenceOf } from '../../errors.js';
import { firmLook } from '../../platform/firm-look.js';
import { distrustOf } from '../../platform/trusted-path.js';
import type { PinSourceIdentity } from '../token.js';

/** A PIN, to be wiped (`pin.fill(0)`) as soon as it is used, and what its source is remembered by. */
export interface Pin {
  readonly pin: Buffer;
  readonly identity: PinSourceIdentity;
}

/** What decides whether a file can serve as PIN file; from stat. */
export interface PinFileFacts {
  readonly regular: boolean;
  /** Octets. */
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  /** st_mode. */
  readonly mode: number;
}

/** Who reads the PIN file. */
export interface PinReader {
  readonly uid: number;
  readonly gid: number;
}

interface Problem {
  readonly code: 'PIN_SOURCE_INVALID' | 'PIN_UNSAFE';
  readonly sentence: string;
}

const largest = 4096;

/** The source in words, for messages. */
export function describePinSource(source: PinSource): string {
  switch (source.from) {
    case 'file':
      return `PIN file ${source.path}`;
    case 'environment':
      return `PIN variable ${source.variable}`;
    case 'unlocked':
      return `unlocked PIN ${source.path}`;
  }
}

/**
 * Why a file cannot be the PIN file of `reader` and of certmonger (which wants a regular file with something in it, pin.c), or
 * undefined when it can. Group reading is fine for the reader's own group and root's: systemd shows a credential's ACL mask there.
 */
export function pinFileProblem(file: string, facts: PinFileFacts, reader: PinReader): Problem | undefined {
  if (!facts.regular)
    return { code: 'PIN_SOURCE_INVALID', sentence: `The PIN file ${file} is not a regular file; certmonger reads no other kind.` };
  if (facts.size === 0)
    return { code: 'PIN_SOURCE_INVALID', sentence: `The PIN file ${file} is empty; write the PIN into its first line.` };
  if (facts.size > largest)
    return {
      code: 'PIN_SOURCE_INVALID',
      sentence: `The PIN file ${file} is larger than ${String(largest)} octets, so it is hardly a PIN; its first line must be the PIN.`,
    };
  if (facts.uid !== 0 && facts.uid !== reader.uid) {
    return {
      code: 'PIN_UNSAFE',
      sentence: `The PIN file ${file} belongs to uid ${String(facts.uid)}, who could read or replace the PIN; run: chown ${String(reader.uid)}:${String(reader.gid)} '${file}'.`,
    };
  }
  const ownGroup = facts.gid === reader.gid || facts.gid === 0;
  const tooOpen = ownGroup ? 0o027 : 0o077;
  if ((facts.mode & tooOpen) !== 0) {
    return {
      code: 'PIN_UNSAFE',
      sentence: `The PIN file ${file} can be read or written by others (mode ${(facts.mode & 0o7777).toString(8).padStart(4, '0')}); run: chmod ${ownGroup && facts.uid === 0 && reader.uid !== 0 ? '0640' : '0600'} '${file}'.`,
    };
  }
  const readable = facts.uid === reader.uid ? 0o400 : ownGroup ? 0o040 : 0;
  if (reader.uid !== 0 && (facts.mode & readable) === 0) {
    return {
      code: 'PIN_SOURCE_INVALID',
      sentence: `The PIN file ${file} cannot be read by uid ${String(reader.uid)}; run: chown ${String(reader.uid)}:${String(reader.gid)} '${file}' && chmod 0600 '${file}'.`,
    };
  }
  return undefined;
}

/**
 * Reads the PIN. Blanks are part of it, its first line counts (as for certmonger, pin.c). `tag` names the PIN of a source without a
 * file. PIN_SOURCE_MISSING, PIN_SOURCE_INVALID or PIN_UNSAFE otherwise.
 */
export function readPin(
  source: PinSource,
  env: Readonly<Record<string, string | undefined>>,
  reader: PinReader,
  tag: (secret: Uint8Array) => string,
): Pin {
  switch (source.from) {
    case 'file':
      return readPinFile(source.path, reader);
    case 'unlocked':
      return readUnlocked(source, env['CREDENTIALS_DIRECTORY'], reader);
    case 'environment': {
      const value = env[source.variable];
      if (value === undefined)
        throw new HsmongerError(
          'PIN_SOURCE_MISSING',
          `The PIN variable ${source.variable} is not set; set it for this command, or use pin-file.`,
        );
      const pin = firstLine(Buffer.from(value), describePinSource(source));
      return { pin, identity: `environment:${tag(pin)}` };
    }
  }
}

/** What the PIN in the source now would be remembered by; fails as readPin does. */
export function identifyPin(...where: Parameters<typeof readPin>): PinSourceIdentity {
  const { pin, identity } = readPin(...where);
  pin.fill(0);
  return identity;
}

/**
 * While a token's PIN is changed (service/pin/change.ts): where the old PIN lies, and where the new one. In the PIN file's own directory,
 * for rename(2).
 */
export const besidePinFile = (file: string): { readonly old: string; readonly next: string } => {
  const beside = (what: string) => path.join(path.dirname(file), `.${path.basename(file)}.${what}-pin`);
  return { old: beside('old'), next: beside('new') };
};

/** What a person has to do about a PIN that is locked away, a whole sentence. */
export function lockedSentence({ credential, ...pin }: Pick<UnlockedPin, 'instance' | 'on' | 'credential'>): string {
  return `The PIN is locked: run '${unlockCommand(pin)}'${credential === undefined ? '' : `, or start the agent with the systemd credential '${credential}'`}; what needs the token waits until then.`;
}

/** A unit of the service user's own may have the credential itself; what root's processes were given, nobody else can read. */
function readUnlocked(source: UnlockedPin, credentials: string | undefined, reader: PinReader): Pin {
  try {
    return readPinFile(source.path, reader);
  } catch (error) {
    if (!(error instanceof HsmongerError && error.code === 'PIN_SOURCE_MISSING')) throw error;
    const own = source.credential === undefined || credentials === undefined ? undefined : path.join(credentials, source.credential);
    if (own !== undefined && existsSync(own)) return readPinFile(own, reader);
    throw new HsmongerError('PIN_SOURCE_MISSING', lockedSentence(source), { cause: error });
  }
}

function readPinFile(file: string, reader: PinReader): Pin {
  try {
    const distrust = distrustOf(file, reader.uid);
    const opened: number[] = [];
    try {
      // The identity is from before the reading: a PIN changed in between is then tried once more, never missed.
      const { descriptor, stats } = firmLook(() => {
        // O_NONBLOCK: a FIFO must not hold us up before we have seen that it is one.
        const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
        opened.push(descriptor);
        const stats = fstatSync(descriptor, { bigint: true });
        return { descriptor, stats, ctimeNs: stats.ctimeNs };
      });
      const problem = pinFileProblem(file, factsOf(stats), reader);
      if (problem !== undefined) throw new HsmongerError(problem.code, problem.sentence);
      if (distrust !== undefined)
        throw new HsmongerError(
          'PIN_UNSAFE',
          `The PIN file ${file} could be replaced by others: ${distrust}; move it where only root and its reader can write.`,
        );
      return { pin: firstLine(readSome(descriptor), `PIN file ${file}`), identity: pinFileIdentity(stats) };
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  } catch (error) {
    throw unreadable(file, reader, error);
  }
}

/** Device, inode, change time and size: what changes whenever somebody writes or replaces the file (design rule 4). */
export function pinFileIdentity(stats: BigIntStats): PinSourceIdentity {
  return `file:${[stats.dev, stats.ino, stats.ctimeNs, stats.size].join(',')}`;
}

function factsOf(stats: BigIntStats): PinFileFacts {
  return { regular: stats.isFile(), size: Number(stats.size), uid: Number(stats.uid), gid: Number(stats.gid), mode: Number(stats.mode) };
}

function readSome(descriptor: number): Buffer {
  const buffer = Buffer.alloc(largest);
  return buffer.subarray(0, readSync(descriptor, buffer, 0, largest, 0));
}

/** A PIN: the first line of `text`, in a buffer of its own; `text` is wiped. `where` is for messages. PIN_SOURCE_INVALID. */
export function firstLine(text: Buffer, where: string): Buffer {
  const end = text.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const line = Buffer.from(end < 0 ? text : text.subarray(0, end));
  text.fill(0);
  if (line.length === 0) throw new HsmongerError('PIN_SOURCE_INVALID', `The first line of ${where} is empty; it must be the PIN.`);
  if (line.includes(0) || !isUtf8(line)) {
    line.fill(0);
    throw new HsmongerError(
      'PIN_SOURCE_INVALID',
      `The first line of ${where} is not UTF-8 text, as PKCS#11 wants a PIN to be; write it anew.`,
    );
  }
  return line;
}

function unreadable(file: string, reader: PinReader, error: unknown): unknown {
  if (error instanceof HsmongerError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && existsSync(besidePinFile(file).old))
    return new HsmongerError(
      'PIN_SOURCE_MISSING',
      `The PIN file ${file} is set aside while the token's PIN is changed; where that was interrupted, run 'hsmonger token change-pin' again.`,
      { cause: error },
    );
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new HsmongerError(
      'PIN_SOURCE_MISSING',
      `There is no PIN file ${file}; write the token's PIN into its first line, readable by its user alone.`,
      { cause: error },
    );
  if (code === 'EACCES' || code === 'EPERM')
    return new HsmongerError(
      'PIN_SOURCE_INVALID',
      `The PIN file ${file} cannot be read by uid ${String(reader.uid)}; check its owner, its mode and those of its directories.`,
      { cause: error },
    );
  return new HsmongerError('PIN_SOURCE_INVALID', `Cannot read the PIN file ${file}: ${sentenceOf(error)}.`, { cause: error });
}
