import { setTimeout as sleep } from 'node:timers/promises';
import { Attribute, Change, NoSuchObjectError, PersistentSearchControl, type Client, type Entry as Answered } from 'ldapts';
import { asHsmongerError, type HsmongerError } from '../errors.js';
import { createBell } from './bell.js';
import type { Connection } from './connection.js';
import type { Directory, Entry, Query } from './directory.js';
import { lost } from './result-codes.js';

/**
 * Two connections that have bound: ldapts hands out what a search found when it ends, and a persistent one never does, so that one has a
 * socket of its own.
 */
export interface Connections {
  readonly main: Connection;
  /** Absent when nothing will be watched. */
  readonly watching: Connection | undefined;
  /** How often a watch makes sure that the server still answers, milliseconds. */
  readonly pulseMs: number;
}

/**
 * draft-ietf-ldapext-psearch-03 §4: add, delete, modify and rename; changes alone. Not what changed: ldapts 8.2.0 reads the
 * ENUMERATED in that answer as an INTEGER and gives the search up.
 */
const allChanges = { changeTypes: 15, changesOnly: true, returnECs: false } as const;
/** The server takes a persistent search up in a thread of its own, and says nothing about it. */
const settlingMs = 50;

export function ldapDirectory({ main, watching, pulseMs }: Connections): Directory {
  const persistent = new Map<string, Promise<unknown>>();

  return {
    search: (query) => main.run(`reading ${query.base}`, (client) => search(client, query)),
    modify: (dn, modifications) =>
      main.run(`changing ${dn}`, (client) =>
        client.modify(
          dn,
          modifications.map(
            ({ operation, attribute, values }) =>
              new Change({ operation, modification: new Attribute({ type: attribute, values: buffers(values) }) }),
          ),
        ),
      ),
    add: (dn, attributes) =>
      main.run(`adding ${dn}`, (client) =>
        client.add(
          dn,
          Object.entries(attributes).map(([type, values]) => new Attribute({ type, values: buffers(values) })),
        ),
      ),
    remove: (dn) =>
      main.run(`removing ${dn}`, async (client) => {
        try {
          await client.del(dn);
        } catch (error) {
          if (!(error instanceof NoSuchObjectError)) throw error;
        }
      }),

    async *watch(query, signal) {
      if (watching === undefined) throw new TypeError('the directory was opened with watches: false');
      const bell = createBell();
      const what = `watching ${query.base}`;
      const key = JSON.stringify([query.base, query.scope, query.filter]);
      // It cannot be given up without the connection, so one that is no longer listened to goes on, and serves the next who asks.
      const running =
        persistent.get(key) ??
        watching.keep(what, (client) =>
          client.search(
            query.base,
            { ...optionsOf(query), attributes: ['1.1'], timeLimit: 0 },
            new PersistentSearchControl({ critical: true, value: allChanges }),
          ),
        );
      persistent.set(key, running);
      const stopped = (reason: HsmongerError) => {
        persistent.delete(key);
        bell.break(reason);
      };
      running.then(
        () => stopped(lost(what, 'the server ended it')),
        (error: unknown) => stopped(asHsmongerError(error)),
      );
      await watching.run(what, (client) => search(client, { base: query.base, scope: 'base', attributes: ['1.1'] }));
      await sleep(settlingMs);
      const silence = watching.onData(bell.ring);
      let asking = false;
      const pulse = setInterval(() => {
        if (asking) return;
        asking = true;
        main
          .run(what, (client) => search(client, { base: '', scope: 'base', attributes: ['1.1'] }))
          .then(
            () => (asking = false),
            (error: unknown) => bell.break(asHsmongerError(error)),
          );
      }, pulseMs);
      pulse.unref();
      try {
        bell.ring();
        yield* bell.heard(signal);
      } finally {
        clearInterval(pulse);
        silence();
      }
    },

    close: () => {
      main.close();
      watching?.close();
      return Promise.resolve();
    },
  };
}

async function search(client: Client, query: Query): Promise<Entry[]> {
  try {
    const { searchEntries } = await client.search(query.base, optionsOf(query));
    return searchEntries.map(entryOf);
  } catch (error) {
    if (error instanceof NoSuchObjectError) return [];
    throw error;
  }
}

function optionsOf({ scope, filter, attributes }: Query) {
  return {
    scope: scope === 'subtree' ? ('sub' as const) : scope,
    ...(filter === undefined ? {} : { filter }),
    ...(attributes === undefined ? {} : { attributes: [...attributes], explicitBufferAttributes: [...attributes] }),
  };
}

/**
 * ldapts gives one value bare, several as an array, none as an empty one; text where it looks like text. UTF-8 goes back to its octets
 * unchanged.
 */
function entryOf({ dn, ...attributes }: Answered): Entry {
  const values = Object.entries(attributes)
    .map(
      ([attribute, value]) =>
        [
          attribute.toLowerCase(),
          (Array.isArray(value) ? value : [value]).map((one) => (typeof one === 'string' ? Buffer.from(one) : one)),
        ] as const,
    )
    .filter(([, all]) => all.length > 0);
  return { dn, values: new Map(values) };
}

const buffers = (values: readonly (string | Uint8Array)[]) => values.map((value) => Buffer.from(value as Uint8Array));
