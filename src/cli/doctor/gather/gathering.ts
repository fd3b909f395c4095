import type { Instance, InstanceSite } from '../../../config/instance.js';
import type { DoctorFacts, Fact } from '../../../doctor/facts.js';
import { sentenceOf } from '../../../errors.js';

/** What the parts of the facts are gathered with. */
export interface Gathering {
  readonly place: InstanceSite;
  /** 'system', 'session', or a D-Bus address. */
  readonly bus: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  /** Whether the PIN may be tried; without it nothing logs in to the token. */
  readonly login: boolean;
}

/** One of the instance's tokens, and what NSS sees of it. */
export interface SeenToken {
  /** The instance as this token sees it (token-views.ts). */
  readonly view: Instance;
  readonly token: DoctorFacts['token'];
  readonly nss: DoctorFacts['nss'];
}

/** Where the instance's certificates lie, but for files. */
export interface SeenStores {
  readonly tokens: readonly SeenToken[];
  readonly internal: DoctorFacts['internal'];
}

/** A part of the facts from what may fail. */
export async function asked<T>(ask: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { known: true, value: await ask() };
  } catch (error) {
    return { known: false, why: sentenceOf(error).replace(/(?<![.?!])$/u, '.') };
  }
}
