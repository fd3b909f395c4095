import type { InterfaceDescription } from '../served/description.js';
import { agentInterface } from './names.js';

/**
 * org.hsmonger.Agent1, as dbus/org.hsmonger.Agent1.xml has it (a test compares). `instance` is a name, or '' for all where that makes
 * sense. Nothing here ever carries a PIN: `hsmonger unlock` puts it in its place and then calls Unlock, which says only that it is there.
 */
export const agentDescription = {
  name: agentInterface,
  methods: {
    /**
     * Each certificate: instance, nickname, profile, where, request, state, not-after and planned (seconds since 1970), cause, severity,
     * problem, cure. Unset ones are left out.
     */
    Status: { in: [['instance', 's']], out: [['certificates', 'aa{sv}']] },
    /** Everything the agent shows, as JSON. */
    Snapshot: { in: [], out: [['json', 's']] },
    /** What `track plan` shows: each change as kind, id, nickname, differences; each refusal as check, nickname, problem, fix. */
    Plan: {
      in: [['instance', 's']],
      out: [
        ['changes', 'aa{ss}'],
        ['refusals', 'aa{ss}'],
      ],
    },
    /** Makes what is safe of the plan; each step as id, kind, outcome, message, and what was left as it is. */
    Reconcile: {
      in: [['instance', 's']],
      out: [
        ['steps', 'aa{ss}'],
        ['left', 'aa{ss}'],
      ],
    },
    /** Asks certmonger for a new certificate with the same key; the sentence says what was done. */
    Renew: {
      in: [
        ['instance', 's'],
        ['nickname', 's'],
      ],
      out: [['message', 's']],
    },
    /** The PIN is in its place now, or is to be fetched from the credential. */
    Unlock: { in: [['instance', 's']], out: [['message', 's']] },
    /** Reads agent.conf and the instance files again, as SIGHUP does. */
    Reload: { in: [], out: [['message', 's']] },
  },
  signals: {
    /** What happened, as in the events of docs/agent.md. */
    Event: [
      ['kind', 's'],
      ['instance', 's'],
      ['nickname', 's'],
      ['message', 's'],
      ['details', 'a{ss}'],
    ],
    /** A certificate's state at certmonger is another one. */
    StateChanged: [
      ['instance', 's'],
      ['nickname', 's'],
      ['state', 's'],
    ],
  },
  properties: {
    Version: 's',
    /** Names of the instances looked after. */
    Instances: 'as',
    /** Seconds since 1970. */
    StartedAt: 'x',
  },
} as const satisfies InterfaceDescription;

/** What the group of agent.conf may call besides root: none of these changes anything. Plan is not among them: it logs in to the token. */
export const readingMembers: ReadonlySet<string> = new Set(['Status', 'Snapshot', 'Get', 'Introspect']);
