import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { agentConfSchema } from '../../src/config/agent-conf.js';
import { instanceFileSchema } from '../../src/config/schema.js';

type Schema = v.GenericSchema & {
  readonly wrapped?: Schema;
  readonly item?: Schema;
  readonly value?: Schema;
  readonly options?: readonly Schema[];
  readonly entries?: Readonly<Record<string, Schema>>;
};

/** The tables within: of an optional one, of a list of them, of those by a name of the file's own, of each kind of one. */
function tablesIn({ entries, wrapped, item, value, options }: Schema): Readonly<Record<string, Schema>>[] {
  if (entries !== undefined) return [entries];
  return [wrapped, item, value, ...(options ?? [])].flatMap((inner) => (inner === undefined ? [] : tablesIn(inner)));
}

/** `table.key`, or `key` before the first table, and what takes its value; more than one where a table has several kinds. */
function keysOf(schema: Schema, table = ''): [string, Schema][] {
  return tablesIn(schema).flatMap((entries) =>
    Object.entries(entries).flatMap(([key, inner]): [string, Schema][] =>
      tablesIn(inner).length > 0 ? keysOf(inner, `${table}${key}.`) : [[`${table}${key}`, inner]],
    ),
  );
}

/** The same from the page's examples, with the value that stands there; `#` before a key is how the page says that it is optional. */
function documented(section: string): { readonly key: string; readonly value: unknown; readonly line: string }[] {
  let table = '';
  return [...section.matchAll(/^```toml\n(.*?)^```$/gmsu)].flatMap(([, block = '']) =>
    block.split('\n').flatMap((line) => {
      const head = /^\[+([\w.]+)\]/u.exec(line)?.[1];
      if (head !== undefined) table = `${head.replace(/^tokens\..*$/u, 'tokens')}.`;
      const [, key] = /^(?:# )?([\w-]+) = /u.exec(line) ?? [];
      return key === undefined ? [] : [{ key: `${table}${key}`, value: parse(line.replace(/^# /u, ''))[key], line }];
    }),
  );
}

const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
const [, ofInstance = '', ofAgent = ''] = page.split(/^## (?:The instance file|agent\.conf)$/mu);

describe.each([
  ['an instance file', instanceFileSchema as unknown as Schema, ofInstance],
  ['agent.conf', agentConfSchema as unknown as Schema, ofAgent],
])('docs/configuration.md on %s', (_file, schema, section) => {
  it('has every key, and no other', () => {
    // What a further token may say is what [token] may.
    const further = (key: string) => key.startsWith('tokens.');
    const taken = new Set(keysOf(schema).map(([key]) => key));
    const told = new Set(documented(section).map(({ key }) => key));
    expect([...told].filter((key) => !further(key)).sort()).toEqual([...taken].filter((key) => !further(key)).sort());
    expect([...told].filter((key) => !taken.has(key))).toEqual([]);
  });

  it('gives each a value it takes', () => {
    const wrong = documented(section).filter(
      ({ key, value }) => !keysOf(schema).some(([name, inner]) => name === key && v.is(inner, value)),
    );
    expect(wrong).toEqual([]);
  });

  it('shows the default where it says of none that there is none', () => {
    const defaults = new Map(keysOf(schema).map(([key, inner]) => [key, v.getDefault(inner) as unknown]));
    const said = documented(section).filter(
      ({ key, line }) => line.startsWith('# ') && !line.includes('# none') && defaults.get(key) !== undefined,
    );
    expect(said.length).toBeGreaterThan(0);
    expect(said.filter(({ key, value }) => value !== defaults.get(key))).toEqual([]);
  });
});
