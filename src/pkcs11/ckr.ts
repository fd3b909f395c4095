import { HsmongerError, sentenceOf, type ErrorCode } from '../errors.js';

interface Meaning {
  readonly code: ErrorCode;
  /** What it means and what to do, as the second half of a sentence. */
  readonly means: string;
}

const says = (code: ErrorCode, means: string): Meaning => ({ code, means });

const gone = 'the session is gone (the device was reset, or another program finalised the module); the next attempt opens a new one';
const broken = "the device or its module failed; look at the module's own log, and check the device with the vendor's tool";
const changePin = 'put the right PIN into the PIN source; it is not tried again until the source changes';

/**
 * What every return value of PKCS#11 2.40 §11.1 that our calls can meet is for the user. The PIN ones are only reached
 * through login.ts, which remembers them.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  // login
  CKR_PIN_INCORRECT: says('PIN_INCORRECT', `the PIN is wrong; ${changePin}`),
  CKR_PIN_INVALID: says('PIN_INCORRECT', `the PIN holds characters this token does not allow; ${changePin}`),
  CKR_PIN_LEN_RANGE: says('PIN_INCORRECT', `the PIN is too short or too long for this token; ${changePin}`),
  CKR_PIN_EXPIRED: says('PIN_INCORRECT', "the PIN has expired; set a new one with the vendor's tool and put it into the PIN source"),
  CKR_PIN_LOCKED: says(
    'PIN_LOCKED',
    "the PIN is locked after too many failures; unlock it as security officer (vendor's tool, or pkcs11-tool --init-pin), then write the PIN source anew",
  ),
  CKR_USER_PIN_NOT_INITIALIZED: says('TOKEN_FAILED', 'the token has no user PIN yet; set one as security officer (pkcs11-tool --init-pin)'),
  CKR_USER_ALREADY_LOGGED_IN: says('TOKEN_FAILED', 'this process is logged in already'),
  CKR_USER_ANOTHER_ALREADY_LOGGED_IN: says('TOKEN_FAILED', 'the security officer is logged in through this process; end that first'),
  CKR_USER_TOO_MANY_TYPES: says('TOKEN_FAILED', 'the token allows no further kind of login at a time; end the other sessions'),
  CKR_USER_TYPE_INVALID: says('TOKEN_FAILED', 'the token does not know this kind of login'),
  CKR_USER_NOT_LOGGED_IN: says('SESSION_LOST', 'the login has ended (the device was reset or logged out); the next attempt logs in again'),

  // session
  CKR_SESSION_HANDLE_INVALID: says('SESSION_LOST', gone),
  CKR_SESSION_CLOSED: says('SESSION_LOST', gone),
  CKR_CRYPTOKI_NOT_INITIALIZED: says('SESSION_LOST', gone),
  CKR_OPERATION_ACTIVE: says('SESSION_LOST', 'an earlier operation of this session was left unfinished; the next attempt opens a new one'),
  CKR_OPERATION_NOT_INITIALIZED: says('SESSION_LOST', 'the operation was lost on the way; the next attempt starts it anew'),
  CKR_FUNCTION_CANCELED: says('SESSION_LOST', 'the device cancelled the operation; it is tried again'),
  CKR_CANCEL: says('SESSION_LOST', 'the operation was cancelled on the device; it is tried again'),
  CKR_SESSION_COUNT: says('TOKEN_FAILED', 'the token allows no further session; close those of other programs'),
  CKR_SESSION_READ_ONLY: says('TOKEN_READ_ONLY', 'the session may not change the token'),
  CKR_SESSION_READ_ONLY_EXISTS: says('TOKEN_FAILED', 'a read-only session stands in the way of this login; close it'),
  CKR_SESSION_READ_WRITE_SO_EXISTS: says('TOKEN_FAILED', 'the security officer has a session open through this process; close it'),
  CKR_SESSION_PARALLEL_NOT_SUPPORTED: says('MODULE_FAILED', 'the module refuses ordinary sessions; it is too old or broken'),

  // token and device
  CKR_TOKEN_NOT_PRESENT: says('TOKEN_NOT_FOUND', 'the token is not in its slot; plug it in, or start the device it lies on'),
  CKR_TOKEN_NOT_RECOGNIZED: says('TOKEN_NOT_FOUND', 'the module does not recognise the token in this slot; is it the right module?'),
  CKR_DEVICE_REMOVED: says('TOKEN_NOT_FOUND', 'the token was removed; plug it in again'),
  CKR_SLOT_ID_INVALID: says(
    'TOKEN_NOT_FOUND',
    'the slot has disappeared; check the device, and select the token by its label if slots move',
  ),
  CKR_TOKEN_WRITE_PROTECTED: says('TOKEN_READ_ONLY', 'the token is write-protected; take the protection off'),
  CKR_ACTION_PROHIBITED: says('TOKEN_READ_ONLY', 'the token does not allow this object to be changed; check its policy'),
  CKR_DEVICE_ERROR: says('TOKEN_FAILED', broken),
  CKR_DEVICE_MEMORY: says('TOKEN_FAILED', 'the device is out of memory; close sessions of other programs or free objects'),
  CKR_HOST_MEMORY: says('TOKEN_FAILED', 'the module ran out of memory on this host'),
  CKR_GENERAL_ERROR: says('TOKEN_FAILED', broken),
  CKR_FUNCTION_FAILED: says('TOKEN_FAILED', broken),
  CKR_FUNCTION_REJECTED: says('TOKEN_FAILED', 'the request was turned down on the device itself; confirm it there'),
  CKR_FIPS_SELF_TEST_FAILED: says('TOKEN_FAILED', "the device failed its FIPS self-test; it must be seen to with the vendor's tool"),

  // module
  CKR_LIBRARY_LOAD_FAILED: says('MODULE_FAILED', 'the module could not load a library it needs; check its installation'),
  CKR_CANT_LOCK: says('MODULE_FAILED', 'the module cannot be used from more than one thread'),
  CKR_NEED_TO_CREATE_THREADS: says('MODULE_FAILED', 'the module wants threads of its own and did not get them'),
  CKR_MUTEX_BAD: says('MODULE_FAILED', 'the module failed in its own locking'),
  CKR_MUTEX_NOT_LOCKED: says('MODULE_FAILED', 'the module failed in its own locking'),
  CKR_ARGUMENTS_BAD: says(
    'MODULE_FAILED',
    "the module turned the call down as malformed; check 'parameters' and 'environment' in the instance file",
  ),
  CKR_FUNCTION_NOT_SUPPORTED: says('MECHANISM_UNSUPPORTED', 'the module lacks a function that is needed; use a newer module'),
  CKR_CRYPTOKI_ALREADY_INITIALIZED: says('MODULE_FAILED', 'the module is in use in this process already'),

  // keys and mechanisms
  CKR_MECHANISM_INVALID: says(
    'MECHANISM_UNSUPPORTED',
    'the token lacks the mechanism; choose another digest in the instance file, or another token',
  ),
  CKR_MECHANISM_PARAM_INVALID: says(
    'MECHANISM_UNSUPPORTED',
    'the token does not take this mechanism so; choose another digest in the instance file',
  ),
  CKR_KEY_FUNCTION_NOT_PERMITTED: says('KEY_UNUSABLE', 'the key may not sign (CKA_SIGN is false or the mechanism is not allowed for it)'),
  CKR_KEY_TYPE_INCONSISTENT: says('KEY_UNUSABLE', 'the key is of another type than the signature wants'),
  CKR_KEY_SIZE_RANGE: says('KEY_UNUSABLE', 'the token does not sign with a key of this size'),
  CKR_CURVE_NOT_SUPPORTED: says('KEY_UNUSABLE', 'the token does not know the curve of this key'),
  CKR_DOMAIN_PARAMS_INVALID: says('KEY_UNUSABLE', 'the token does not know the curve of this key'),
  CKR_KEY_HANDLE_INVALID: says('SESSION_LOST', 'the key object has disappeared since it was found; the next attempt looks for it again'),
  CKR_OBJECT_HANDLE_INVALID: says('SESSION_LOST', 'the object has disappeared since it was found; the next attempt looks for it again'),
  CKR_PUBLIC_KEY_INVALID: says('KEY_UNUSABLE', 'the token says the public key does not fit its private key'),
  CKR_DATA_INVALID: says('KEY_UNUSABLE', 'the token does not sign data of this form with this key'),
  CKR_DATA_LEN_RANGE: says('KEY_UNUSABLE', 'the data is too long for this key; it needs more bits'),
  CKR_BUFFER_TOO_SMALL: says('TOKEN_FAILED', 'the answer is larger than any the module should give'),
  CKR_ATTRIBUTE_SENSITIVE: says('KEY_UNUSABLE', 'the token does not give this value away'),
  CKR_ATTRIBUTE_TYPE_INVALID: says('KEY_UNUSABLE', 'the object lacks an attribute that is needed'),
  CKR_ATTRIBUTE_VALUE_INVALID: says('TOKEN_FAILED', 'the module turned an attribute down'),
  CKR_ATTRIBUTE_READ_ONLY: says('TOKEN_READ_ONLY', 'the token does not let this attribute be set; check its policy'),
  CKR_TEMPLATE_INCONSISTENT: says('TOKEN_FAILED', 'the module turned the attributes it was given down'),
  CKR_TEMPLATE_INCOMPLETE: says('TOKEN_FAILED', 'the module wants attributes it was not given'),
};

/** Calls whose answers mean something else than they do while objects are looked for and signatures made. */
type ParticularCall = 'making a key' | 'storing an object';

const otherType = says(
  'MECHANISM_UNSUPPORTED',
  "the token makes no such keys; choose another key type ('hsmonger token list --mechanisms')",
);
const keyDenied = says(
  'TOKEN_FAILED',
  'the module makes no key with the attributes it was given (one that signs and cannot leave the token); look at its policy and its log',
);
const objectDenied = says('TOKEN_FAILED', "the module stores no object with the attributes it was given; store it with the vendor's tool");

const meaningsOf: Readonly<Record<ParticularCall, Readonly<Record<string, Meaning>>>> = {
  'making a key': {
    CKR_MECHANISM_INVALID: otherType,
    CKR_MECHANISM_PARAM_INVALID: otherType,
    CKR_KEY_SIZE_RANGE: otherType,
    CKR_CURVE_NOT_SUPPORTED: otherType,
    CKR_DOMAIN_PARAMS_INVALID: otherType,
    CKR_FUNCTION_NOT_SUPPORTED: says('MECHANISM_UNSUPPORTED', "the module makes no keys; make this one with the vendor's tool"),
    CKR_ATTRIBUTE_READ_ONLY: keyDenied,
    CKR_ATTRIBUTE_TYPE_INVALID: keyDenied,
    CKR_ATTRIBUTE_VALUE_INVALID: keyDenied,
    CKR_TEMPLATE_INCONSISTENT: keyDenied,
    CKR_TEMPLATE_INCOMPLETE: keyDenied,
  },
  'storing an object': {
    CKR_FUNCTION_NOT_SUPPORTED: objectDenied,
    CKR_ATTRIBUTE_READ_ONLY: objectDenied,
    CKR_ATTRIBUTE_TYPE_INVALID: objectDenied,
    CKR_ATTRIBUTE_VALUE_INVALID: objectDenied,
    CKR_TEMPLATE_INCONSISTENT: objectDenied,
    CKR_TEMPLATE_INCOMPLETE: objectDenied,
  },
};

/** PKCS#11 2.40 names that pkcs11js lacks, which says CKR_VENDOR_DEFINED instead. */
const unnamed: Readonly<Record<number, string>> = { 0x140: 'CKR_CURVE_NOT_SUPPORTED' };

const ofVendor = says('TOKEN_FAILED', "look the number up in the vendor's manual");

/**
 * The name of the return value in whatever pkcs11js threw, CKR_VENDOR_DEFINED for numbers nobody knows; undefined for other
 * failures. The message counts, not the class: C_FindObjects throws the native error as it is.
 */
export function returnValueOf(error: unknown): string | undefined {
  const name = error instanceof Error ? /^CKR_\w+/u.exec(error.message)?.[0] : undefined;
  return name === 'CKR_VENDOR_DEFINED' ? (unnamed[numberOf(error)] ?? name) : name;
}

/**
 * The failure of a PKCS#11 call as ours. `doing` is the first half of the sentence: "Signing with … on token '…'"; `call` where it is one
 * whose answers mean something of their own.
 */
export function tokenFailure(error: unknown, doing: string, call?: ParticularCall): HsmongerError {
  if (error instanceof HsmongerError) return error;
  const name = returnValueOf(error);
  if (name === undefined)
    return new HsmongerError('TOKEN_FAILED', `${doing} failed in the PKCS#11 module: ${sentenceOf(error)}.`, { cause: error });
  const { code, means } = (call === undefined ? undefined : meaningsOf[call][name]) ?? meanings[name] ?? ofVendor;
  return new HsmongerError(code, `${doing} failed with ${named(name, error)}: ${means}.`, { cause: error });
}

function named(name: string, error: unknown): string {
  const number = numberOf(error);
  return name === 'CKR_VENDOR_DEFINED' && Number.isFinite(number) ? `return value 0x${number.toString(16)}` : name;
}

function numberOf(error: unknown): number {
  const { code, message } = error as { readonly code?: unknown; readonly message: string };
  return typeof code === 'number' ? code : Number(/:(\d+)/u.exec(message)?.[1] ?? Number.NaN);
}

/** Runs one PKCS#11 step; its failure comes out by the table. */
export function calling<T>(doing: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw tokenFailure(error, doing);
  }
}
