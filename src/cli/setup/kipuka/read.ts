import { parse } from 'smol-toml';
import * as v from 'valibot';
import { HsmongerError, sentenceOf } from '../../../errors.js';

/** kipuka.toml as far as it is about the HSM; the rest is kipuka's own business. */
const document = v.looseObject({
  hsm: v.optional(
    v.looseObject({
      library: v.optional(v.string()),
      token_label: v.optional(v.string()),
      slot: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
      pin_env: v.optional(v.string()),
      pin_file: v.optional(v.string()),
      pin: v.optional(v.string()),
    }),
  ),
  ca: v.optional(
    v.array(
      v.looseObject({
        id: v.string(),
        name: v.optional(v.string()),
        cert: v.optional(v.string()),
        hsm_slot: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
        validity_days: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      }),
    ),
    [],
  ),
});

/** Where kipuka would take the PIN from. An inline one is known to be there, and not read any further. */
export type KipukaPin =
  | { readonly from: 'pin_env'; readonly variable: string }
  | { readonly from: 'pin_file'; readonly path: string }
  | { readonly from: 'pin' }
  | { readonly from: 'nowhere' };

export interface KipukaCa {
  readonly id: string;
  readonly name: string;
  /** PEM file. */
  readonly cert: string;
  /** CKA_ID of the key, as a number: kipuka's page calls the ID field of `pkcs11-tool --list-objects` so. */
  readonly hsmSlot: number;
  readonly validityDays?: number;
}

export interface Kipuka {
  readonly library: string;
  readonly token: { readonly by: 'label'; readonly label: string } | { readonly by: 'slot'; readonly slot: number };
  readonly pin: KipukaPin;
  /** PIN sources kipuka would not come to. */
  readonly ignoredPins: readonly string[];
  readonly cas: readonly KipukaCa[];
  /** CAs without a key on the HSM. */
  readonly leftOut: readonly string[];
}

/** What a kipuka.toml says of its HSM; CONFIG_INVALID with the key that is wrong or missing. */
export function readKipuka(text: string, file: string): Kipuka {
  const wrong = (what: string, cause?: unknown) => new HsmongerError('CONFIG_INVALID', `${file}: ${what}.`, { cause });
  let parsed: unknown;
  try {
    parsed = parse(text);
  } catch (error) {
    // A parser quotes the line it stumbles over, and that may be the one with the PIN.
    throw wrong(`it is not TOML (${sentenceOf(error).split(':')[0] ?? ''})`);
  }
  const result = v.safeParse(document, parsed);
  if (!result.success) throw wrong(`'${v.getDotPath(result.issues[0]) ?? 'the file'}' is missing or of the wrong type`);
  const { hsm, ca } = result.output;
  if (hsm === undefined) throw wrong('it has no [hsm], so its CAs have no keys on an HSM');
  if (hsm.library === undefined) throw wrong("[hsm] names no 'library'");
  if ((hsm.token_label === undefined) === (hsm.slot === undefined))
    throw wrong("[hsm] must name the token by 'token_label' or by 'slot', and by one of them");
  const onHsm = ca.filter((one) => one.hsm_slot !== undefined);
  return {
    library: hsm.library,
    token: hsm.token_label === undefined ? { by: 'slot', slot: hsm.slot ?? 0 } : { by: 'label', label: hsm.token_label },
    ...pinOf(hsm),
    cas: onHsm.map(({ id, name, cert, hsm_slot: hsmSlot, validity_days: validityDays }) => {
      if (cert === undefined) throw wrong(`[[ca]] '${id}' names no 'cert'`);
      return { id, name: name ?? id, cert, hsmSlot: hsmSlot ?? 0, ...(validityDays === undefined ? {} : { validityDays }) };
    }),
    leftOut: ca.filter((one) => !onHsm.includes(one)).map(({ id }) => id),
  };
}

/** kipuka's order: pin_env, pin_file, pin. */
function pinOf({
  pin_env: variable,
  pin_file: path,
  pin,
}: {
  readonly pin_env?: string | undefined;
  readonly pin_file?: string | undefined;
  readonly pin?: string | undefined;
}): Pick<Kipuka, 'pin' | 'ignoredPins'> {
  const sources: KipukaPin[] = [
    ...(variable === undefined ? [] : [{ from: 'pin_env' as const, variable }]),
    ...(path === undefined ? [] : [{ from: 'pin_file' as const, path }]),
    ...(pin === undefined ? [] : [{ from: 'pin' as const }]),
  ];
  return { pin: sources[0] ?? { from: 'nowhere' }, ignoredPins: sources.slice(1).map(({ from }) => from) };
}
