/** What the agent tells whoever wants to know: bus signals, notifications, the page's history, metrics. Never holds a PIN. */
export interface AgentEvent {
  readonly kind: EventKind;
  readonly at: Date;
  readonly instance: string;
  /** Of the certificate it is about. */
  readonly nickname?: string;
  /** A whole sentence. */
  readonly message: string;
  /** For programs: lower-case words with '-' as names. */
  readonly details?: Readonly<Record<string, string>>;
}

/**
 * renewed: certmonger has a newer certificate than before, saved and read again (details: serial, not-after, seconds it took).
 * failed: a renewal came to an end without one, or will not come to one by itself (details: cause, as in diagnosis/table.ts).
 * expiring: fewer days are left than agent.conf's expiring-days and nothing newer is under way.
 * trouble: something else is wrong: a token that is away, a request that is not as it should be (details: cause).
 * healed: what was told as failed or trouble is over (details: cause, cure).
 * locked, unlocked: the PIN is not there for certmonger any more, or is again (details: reason).
 * reconciled: requests were changed so that they are what the instance file says.
 */
export type EventKind = 'renewed' | 'failed' | 'expiring' | 'trouble' | 'healed' | 'locked' | 'unlocked' | 'reconciled';

export interface Events {
  tell(event: AgentEvent): void;
  /** Returns the way to end that. A listener that throws is its own affair. */
  on(listener: (event: AgentEvent) => void): () => void;
  /** The last ones, newest last. */
  recent(): readonly AgentEvent[];
}

const kept = 200;

export function createEvents(): Events {
  const listeners = new Set<(event: AgentEvent) => void>();
  const recent: AgentEvent[] = [];
  return {
    tell(event) {
      recent.push(event);
      if (recent.length > kept) recent.shift();
      for (const listener of [...listeners])
        queueMicrotask(() => {
          alone(() => {
            listener(event);
          });
        });
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    recent: () => recent,
  };
}

/** What is thrown in a microtask would end the daemon. */
function alone(work: () => void): void {
  try {
    work();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
