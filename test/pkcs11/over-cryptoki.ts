import type { Cryptoki } from '../../src/pkcs11/cryptoki.js';

/** A real module with some of its calls replaced: what a real token does not do, beside all that it does. */
export function over(real: Cryptoki, replaced: Partial<Cryptoki>): Cryptoki {
  return new Proxy(real, {
    get: (target, name: keyof Cryptoki) => replaced[name] ?? (target[name] as () => unknown).bind(target),
  });
}
