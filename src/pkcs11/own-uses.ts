import type { SignatureAlgorithm } from '../config/signature-algorithm.js';
import { parseKeyType } from './objects/key-type.js';
import { makingMechanism, withinLimits } from './objects/key-pair.js';
import type { MechanismFacts } from './signing/mechanism-list.js';
import { mechanismNames } from './signing/mechanism-names.js';

/** A kind of thing hsmonger asks of a token, and how much of it the token says it does. */
export interface OwnUse {
  readonly use: string;
  /** Key types or digests; one word where there is no choice. */
  readonly wanted: readonly string[];
  /** Of these. */
  readonly possible: readonly string[];
  /** What it is done with there; where nothing is possible, what would do. */
  readonly mechanisms: readonly string[];
}

const keys: readonly (readonly [use: string, types: readonly string[]])[] = [
  ['make RSA keys', ['rsa:2048', 'rsa:3072', 'rsa:4096']],
  ['make keys on curves', ['P-256', 'P-384', 'P-521']],
  ['make Ed25519 keys', ['Ed25519']],
];

const digests = ['sha256', 'sha384', 'sha512'] as const;
const signatures: readonly (readonly [use: string, algorithms: Readonly<Record<string, SignatureAlgorithm>>])[] = [
  ['sign with RSA, PKCS#1', withEach((digest) => ({ scheme: 'rsa-pkcs1', digest }))],
  ['sign with RSA, PSS', withEach((digest) => ({ scheme: 'rsa-pss', digest }))],
  ['sign with a key on a curve', withEach((digest) => ({ scheme: 'ecdsa', digest }))],
  ['sign with Ed25519', { Ed25519: { scheme: 'eddsa' } }],
];

function withEach(make: (digest: (typeof digests)[number]) => SignatureAlgorithm): Readonly<Record<string, SignatureAlgorithm>> {
  return Object.fromEntries(digests.map((digest) => [digest, make(digest)]));
}

/** What a token that says this of its mechanisms can be for us, whether there is a key on it yet or not. A policy may allow less. */
export function ownUses(facts: readonly MechanismFacts[]): OwnUse[] {
  const making = (word: string) => {
    const type = parseKeyType(word);
    const fact = facts.find(({ name }) => name === makingMechanism(type));
    return fact !== undefined && withinLimits(type, fact) ? fact.name : undefined;
  };
  const signing = (algorithm: SignatureAlgorithm) =>
    mechanismNames(algorithm).find((name) => facts.some((fact) => fact.name === name && fact.uses.includes('sign')));
  return [
    ...keys.map(([use, types]) =>
      useOf(
        use,
        types.map((word) => [word, making(word), [makingMechanism(parseKeyType(word))]]),
      ),
    ),
    ...signatures.map(([use, algorithms]) =>
      useOf(
        use,
        Object.entries(algorithms).map(([word, algorithm]) => [word, signing(algorithm), mechanismNames(algorithm)]),
      ),
    ),
  ];
}

/** A mechanism for each word, where there is one, and those that would do. */
function useOf(use: string, ways: readonly (readonly [word: string, by: string | undefined, otherwise: readonly string[]])[]): OwnUse {
  const possible = ways.filter(([, by]) => by !== undefined);
  const mechanisms = possible.length === 0 ? ways.flatMap(([, , otherwise]) => otherwise) : possible.flatMap(([, by]) => by ?? []);
  return { use, wanted: ways.map(([word]) => word), possible: possible.map(([word]) => word), mechanisms: [...new Set(mechanisms)] };
}
