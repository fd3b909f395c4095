import { busObject, type Call, type Reply, type Signal, type SignalMatch } from './bus.js';
import { ErrorReply } from './error-reply.js';

/** Who listens to which signals, and who owns the names they come from. */
export class Subscriptions {
  readonly #call: (call: Call) => Promise<Reply>;
  readonly #listeners: { readonly match: SignalMatch; readonly listener: (signal: Signal) => void }[] = [];
  /** By well-known name: the unique name that has it now. */
  readonly #owners = new Map<string, string | undefined>();
  readonly #ownerListeners: { readonly name: string; readonly listener: (owner: string | undefined) => void }[] = [];

  /** `call` of the connection the signals come in by. */
  constructor(call: (call: Call) => Promise<Reply>) {
    this.#call = call;
  }

  async onSignal(match: SignalMatch, listener: (signal: Signal) => void): Promise<void> {
    this.#listeners.push({ match, listener });
    await this.onOwnerChange(match.sender, () => undefined);
    const member = match.member === undefined ? '' : `,member='${match.member}'`;
    await this.#addMatch(`type='signal',sender='${match.sender}',interface='${match.interface}'${member}`);
  }

  async onOwnerChange(name: string, listener: (owner: string | undefined) => void): Promise<string | undefined> {
    this.#ownerListeners.push({ name, listener });
    if (this.#owners.has(name)) return this.#owners.get(name);
    await this.#addMatch(
      `type='signal',sender='${busObject.destination}',interface='${busObject.interface}',member='NameOwnerChanged',arg0='${name}'`,
    );
    const owner = await this.#ownerOf(name);
    // A change that came in meanwhile is newer than the answer.
    if (!this.#owners.has(name)) this.#owners.set(name, owner);
    return this.#owners.get(name);
  }

  /** A signal has come in from `sender`, a unique name. */
  signalled(sender: string, signal: Signal): void {
    if (sender === busObject.destination && signal.member === 'NameOwnerChanged') {
      const [name, , owner] = signal.body as [string, string, string];
      this.#owners.set(name, owner === '' ? undefined : owner);
      for (const each of this.#ownerListeners) if (each.name === name) tell(each.listener, owner === '' ? undefined : owner);
      return;
    }
    for (const { match, listener } of this.#listeners) {
      const wanted = match.interface === signal.interface && (match.member === undefined || match.member === signal.member);
      // A signal sent straight to us passes no match rule: only its sender's name tells whose it is.
      if (wanted && this.#owners.get(match.sender) === sender) tell(listener, signal);
    }
  }

  async #addMatch(rule: string): Promise<void> {
    await this.#call({ ...busObject, member: 'AddMatch', signature: 's', body: [rule] });
  }

  async #ownerOf(name: string): Promise<string | undefined> {
    try {
      const { body } = await this.#call({ ...busObject, member: 'GetNameOwner', signature: 's', body: [name] });
      return typeof body[0] === 'string' ? body[0] : undefined;
    } catch (error) {
      if (error instanceof ErrorReply && error.undelivered) return undefined;
      throw error;
    }
  }
}

/** A listener's own failure must not count as a broken message. */
export function tell<T>(listener: (value: T) => void, value: T): void {
  queueMicrotask(() => {
    listener(value);
  });
}
