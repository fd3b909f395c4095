import { accessSync, constants, realpathSync } from 'node:fs';
import path from 'node:path';
import type { TrackingRequest } from '../../../dbus/tracking-request.js';
import type { InstanceSite } from '../../config/instance.js';
import { instanceNames, loadInstance } from '../../config/load.js';
import { pinPathOf, tokenName } from '../../config/token-of.js';
import { sentenceOf } from '../../errors.js';
import type { TokenDescription } from '../../pkcs11/token.js';
import { accountOf } from '../../platform/service-user.js';
import { distrustOf } from '../../platform/trusted-path.js';
import { pinIn } from '../../service/pin/pin-in.js';
import { isTheSame, knownTokens, type KnownToken } from './known-tokens.js';

/** What has to get a token's new PIN, all of it known before anything is changed. */
export interface Affected {
  /** Real paths, the instance's own first. */
  readonly files: readonly string[];
  /** certmonger's requests that read one of them. */
  readonly requests: readonly TrackingRequest[];
  /** Why the PIN cannot be changed everywhere, as sentences. */
  readonly obstacles: readonly string[];
  /** What a person has to do once it is changed. */
  readonly remarks: readonly string[];
}

/** Looks through all instances and all of certmonger's requests. `token` is what took the PIN just now. Logs in to nothing. */
export async function affectedBy(
  place: InstanceSite,
  token: TokenDescription,
  main: string,
  requests: readonly TrackingRequest[],
): Promise<Affected> {
  const files = new Set([realpathSync(main)]);
  const obstacles: string[] = [];
  const remarks: string[] = [];
  const known = await knownEverywhere(place, obstacles);
  const others = known.filter(({ description }) => isThis(description, token)).map(({ view }) => view);
  for (const { name, token: its } of [place.instance, ...others]) {
    const file = pinPathOf(its?.pin);
    if (file !== undefined) addIfThere(files, file);
    if (its?.pin.from === 'unlocked' && its.pin.credential !== undefined) remarks.push(staleCredential(its.pin.credential));
    if (its?.pin.from === 'environment')
      remarks.push(`Instance '${name}' takes the PIN from the variable ${its.pin.variable}: change it where that is set.`);
  }
  const account = accountOf(place.instance.user);
  const old = pinIn(main, account);
  try {
    for (const request of requests.filter((one) => usesToken(one, token))) {
      const { nickname, key } = request;
      if (key.pinSet)
        obstacles.push(
          `certmonger keeps the PIN of '${nickname}' in clear itself; give it a PIN file first ('hsmonger track apply', or getcert start-tracking -i '${nickname}' -p FILE).`,
        );
      const file = realOf(key.pinFile);
      if (key.pinFile === undefined || file === undefined || files.has(file)) continue;
      if (says(file, old, account, obstacles)) files.add(file);
      else remarks.push(`The request '${nickname}' reads ${file}, which holds another PIN and was left alone.`);
    }
  } finally {
    old.fill(0);
  }
  const ours = requests.filter(({ key }) => files.has(realOf(key.pinFile) ?? ''));
  for (const { nickname } of ours.filter((request) => !usesToken(request, token)))
    obstacles.push(`The request '${nickname}' reads its PIN from the same file and is for another token; give it a file of its own first.`);
  for (const { name, nss } of [place.instance, ...others])
    if (files.has(realOf(nss.passwordFile) ?? ''))
      obstacles.push(
        `${nss.passwordFile ?? ''} is the password file of the NSS database of '${name}' as well; give that a file of its own first.`,
      );
  obstacles.push(...known.flatMap((other) => sharedBy(other, token, files)));
  obstacles.push(...[...files].flatMap(unwritable));
  return { files: [...files], requests: ours, obstacles, remarks };
}

function staleCredential(name: string): string {
  return `The credential '${name}' still holds the old PIN, which would cost an attempt at the next boot; encrypt it anew: systemd-ask-password -n 'New PIN:' | systemd-creds encrypt --name=${name} - /etc/credstore.encrypted/${name}`;
}

/** The tokens of all instances but the one whose PIN is to change: other instances', and this one's others. */
async function knownEverywhere({ instance, directories }: InstanceSite, obstacles: string[]): Promise<KnownToken[]> {
  const found: KnownToken[] = [];
  for (const name of instanceNames(directories)) {
    try {
      const all = await knownTokens({ instance: loadInstance(directories, name), directories });
      const others = name === instance.name ? all.filter(({ view }) => view.partOn !== instance.partOn) : all;
      found.push(...others);
      if (name === instance.name) continue;
      for (const { unknown } of others) if (unknown !== undefined) obstacles.push(cannotBeTold(name, unknown));
    } catch (error) {
      obstacles.push(cannotBeTold(name, sentenceOf(error)));
    }
  }
  return found;
}

/** Whatever module shows it: label and serial are the token's own. */
function isThis(description: TokenDescription | undefined, token: TokenDescription): boolean {
  return description?.label === token.label && description.serial === token.serial && description.manufacturer === token.manufacturer;
}

/** Another token keeps its PIN, and would be asked with this one's new PIN. One that is not seen now may be another. */
function sharedBy({ view, description }: KnownToken, token: TokenDescription, files: ReadonlySet<string>): string[] {
  const file = realOf(pinPathOf(view.token?.pin));
  if (view.token === undefined || file === undefined || !files.has(file)) return [];
  if (description !== undefined && isTheSame(description, token)) return [];
  return [
    `${file} is the PIN file of token '${tokenName(view.token.selector)}' of instance '${view.name}' as well${description === undefined ? ', and whether that is this token cannot be told while it is not seen' : ''}; give that one a file of its own first.`,
  ];
}

function cannotBeTold(name: string, why: string): string {
  return `Whether instance '${name}' has the same token cannot be told: ${why}`;
}

function usesToken({ keyStorage, certificateStorage }: TrackingRequest, { label }: TokenDescription): boolean {
  return keyStorage.token === label || certificateStorage.token === label;
}

function addIfThere(files: Set<string>, file: string): void {
  const real = realOf(file);
  if (real !== undefined) files.add(real);
}

function realOf(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : realpathSync(file);
  } catch {
    return undefined;
  }
}

function says(file: string, pin: Buffer, account: { readonly uid: number; readonly gid: number }, obstacles: string[]): boolean {
  try {
    const found = pinIn(file, account);
    const same = found.equals(pin);
    found.fill(0);
    return same;
  } catch (error) {
    obstacles.push(sentenceOf(error));
    return false;
  }
}

/** Root makes and renames files there under names everybody knows. */
function unwritable(file: string): string[] {
  const directory = path.dirname(file);
  const distrust = distrustOf(directory);
  if (distrust !== undefined) return [`${file} cannot be replaced safely: ${distrust}; move it into a directory of root's.`];
  try {
    accessSync(directory, constants.W_OK);
    return [];
  } catch (error) {
    return [`${file} cannot be replaced: ${sentenceOf(error)}.`];
  }
}
