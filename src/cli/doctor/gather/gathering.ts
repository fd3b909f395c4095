import type { Directories, Instance } from '../../../config/instance.js';
import type { Fact } from '../../../doctor/facts.js';
import { sentenceOf } from '../../../errors.js';

/** What the parts of the facts are gathered with. */
export interface Gathering {
  readonly place: { readonly instance: Instance; readonly directories: Directories };
  /** 'system', 'session', or a D-Bus address. */
  readonly bus: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** Whether the PIN may be tried; without it nothing logs in to the token. */
  readonly login: boolean;
}

/** A part of the facts from what may fail. */
export async function asked<T>(ask: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: true, value: await ask() };
  } catch (error) {
    return { known: false, why: sentenceOf(error).replace(/(?<![.?!])$/u, '.') };
  }
}
