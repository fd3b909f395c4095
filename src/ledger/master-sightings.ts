import type { Database } from './database.js';

/** What is remembered of another server: whether it is gone is a question of how long it gave no sign. */
export interface Sighting {
  /** When it was first looked for. */
  readonly since: Date;
  /** When it last gave a sign; absent while it never did. */
  readonly seen?: Date;
}

export interface Look {
  readonly host: string;
  /** It answered. */
  readonly reachable: boolean;
  /**
   * What it publishes for the others, as a fingerprint: where that has changed since the last look, it was at work, whether it can be
   * reached from here or not.
   */
  readonly published: string;
}

interface Stored {
  readonly since: string;
  readonly seen: string | null;
  readonly published: string;
}

export function findSighting(database: Database, host: string): Sighting | undefined {
  const stored = find(database, host);
  return stored === undefined ? undefined : sightingOf(stored);
}

/** Notes a look at a server and gives what is known of it now. Host names are compared without regard to case. */
export function noteLook(database: Database, { host, reachable, published }: Look, now: Date): Sighting {
  return database
    .transaction(() => {
      const before = find(database, host);
      const sign = reachable || (before !== undefined && before.published !== published);
      const after: Stored = {
        since: before?.since ?? now.toISOString(),
        seen: sign ? now.toISOString() : (before?.seen ?? null),
        published,
      };
      database
        .prepare(
          `INSERT INTO master_sightings (host, since, seen, published) VALUES (@host, @since, @seen, @published)
         ON CONFLICT (host) DO UPDATE SET seen = excluded.seen, published = excluded.published`,
        )
        .run({ host: host.toLowerCase(), ...after });
      return sightingOf(after);
    })
    .immediate();
}

function find(database: Database, host: string): Stored | undefined {
  return database.prepare<[string], Stored>('SELECT since, seen, published FROM master_sightings WHERE host = ?').get(host.toLowerCase());
}

function sightingOf({ since, seen }: Stored): Sighting {
  return { since: new Date(since), ...(seen === null ? {} : { seen: new Date(seen) }) };
}
