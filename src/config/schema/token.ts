import * as v from 'valibot';
import type { PinSource, TokenConfig, TokenSelector } from '../instance.js';
import { isUri } from '../pkcs11-uri.js';
import { absolute, count, text, wrong } from './values.js';

/** [token], and each [tokens.NAME]. */
export const tokenTable = v.strictObject({
  label: v.optional(text),
  slot: v.optional(count),
  'slot-index': v.optional(count),
  uri: v.optional(
    v.pipe(
      text,
      v.check((value) => isUri(value), 'must begin with pkcs11:'),
    ),
  ),
  module: absolute,
  parameters: v.optional(text),
  environment: v.optional(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, 'must be a variable name')), v.string()), {}),
  'max-sessions': v.optional(v.pipe(count, v.minValue(1, 'must be at least 1'), v.maxValue(64, 'must be at most 64'))),
  'pin-file': v.optional(absolute),
  'pin-env': v.optional(text),
  'pin-credential': v.optional(v.pipe(text, v.regex(/^[^/]+$/u, 'must be a credential name, not a path'))),
  'pin-unlock': v.optional(v.union([v.literal(true), absolute], 'must be true, or the absolute path of a file in memory')),
});

type TokenTable = v.InferOutput<typeof tokenTable>;

/** `where`: the table's name in messages; `instance`: whose PIN it is while it lies in memory. */
export function tokenConfigOf(instance: string, file: string, where: string, token: TokenTable): TokenConfig {
  return {
    selector: selectorOf(file, where, token),
    module: token.module,
    ...(token.parameters === undefined ? {} : { parameters: token.parameters }),
    environment: token.environment,
    ...(token['max-sessions'] === undefined ? {} : { maxSessions: token['max-sessions'] }),
    pin: pinSourceOf(instance, file, where, token),
  };
}

function selectorOf(file: string, where: string, token: TokenTable): TokenSelector {
  const selectors: TokenSelector[] = [];
  if (token.label !== undefined) selectors.push({ by: 'label', label: token.label });
  if (token.slot !== undefined) selectors.push({ by: 'slot', slotId: token.slot });
  if (token['slot-index'] !== undefined) selectors.push({ by: 'slot-index', index: token['slot-index'] });
  if (token.uri !== undefined) selectors.push({ by: 'uri', uri: token.uri });
  return exactlyOne(file, where, selectors, 'label, slot, slot-index and uri');
}

function pinSourceOf(instance: string, file: string, where: string, token: TokenTable): PinSource {
  const { 'pin-credential': credential, 'pin-unlock': unlock } = token;
  const sources: PinSource[] = [];
  if (token['pin-file'] !== undefined) sources.push({ from: 'file', path: token['pin-file'] });
  if (token['pin-env'] !== undefined) sources.push({ from: 'environment', variable: token['pin-env'] });
  // Together only to say where the credential's PIN goes.
  if (credential !== undefined && unlock === true)
    throw wrong(file, `${where}.pin-unlock`, 'is true beside pin-credential, which implies it; leave it out, or give it a path');
  if (credential !== undefined || unlock !== undefined) {
    const on = where === 'token' ? [] : [where.replace(/^tokens\./u, '')];
    // No name holds '@': with a dot the instance a.b and the token b of instance a would have one file.
    sources.push({
      from: 'unlocked',
      path: typeof unlock === 'string' ? unlock : `/run/hsmonger/${[instance, ...on].join('@')}.pin`,
      instance,
      ...(on[0] === undefined ? {} : { on: on[0] }),
      ...(credential === undefined ? {} : { credential }),
    });
  }
  return exactlyOne(file, where, sources, 'pin-file, pin-env, pin-credential and pin-unlock');
}

function exactlyOne<T>(file: string, where: string, given: readonly T[], names: string): T {
  const [first] = given;
  if (first === undefined || given.length > 1)
    throw wrong(file, where, `must name exactly one of ${names}, not ${given.length === 0 ? 'none' : String(given.length)}`);
  return first;
}
