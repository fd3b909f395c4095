import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../src/cli/main.js';
import { checks } from '../src/doctor/checks.js';
import { profiles } from '../src/issuer/profiles.js';
import { vendorModules } from '../src/pkcs11/module/vendors.js';

const root = path.resolve(import.meta.dirname, '..');
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string) => readFileSync(path.join(root, page), 'utf8');

/** The page without its code blocks, and each block's language and lines (a trailing backslash joins two). */
function taken(page: string): { prose: string; blocks: { language: string; lines: string[] }[] } {
  const blocks: { language: string; lines: string[] }[] = [];
  const prose = textOf(page).replace(/^```(\w*)\n(.*?)^```$/gmsu, (_block, language: string, body: string) => {
    blocks.push({ language, lines: body.replace(/\\\n\s*/gu, ' ').split('\n') });
    return '';
  });
  return { prose, blocks };
}

const spansOf = (page: string) => [...taken(page).prose.matchAll(/`([^`]+)`/gu)].map(([, span = '']) => span);

/** Command lines of hsmonger: in code spans, in shell blocks, and behind the prompt of a transcript. */
function commandsOf(page: string): string[] {
  const inBlocks = taken(page).blocks.flatMap(({ language, lines }) =>
    lines.map((line) => (language === 'sh' ? line.replace(/\s+# .*$/u, '') : (/^# (hsmonger .*)$/u.exec(line)?.[1] ?? ''))),
  );
  return [...spansOf(page), ...inBlocks].filter((line) => line.startsWith('hsmonger '));
}

const helps = new Map<string, Promise<string>>();
let last: Promise<unknown> = Promise.resolve();
/** Each once, and one after another: the CLI is one command in a process, and listens for its interrupt. */
function helpOf(command: readonly string[]): Promise<string> {
  const name = command.join(' ');
  const known = helps.get(name);
  if (known !== undefined) return known;
  const help = last.then(() => readHelp(command));
  helps.set(name, help);
  last = help.catch(() => undefined);
  return help;
}

async function readHelp(command: readonly string[]): Promise<string> {
  let help = '';
  const io = {
    out: (text: string) => {
      help += text;
    },
    err: (text: string) => {
      help += text;
    },
    interactive: false,
    colour: false,
  };
  expect(await runCli([...command, '--help'], io, {}), help).toBe(0);
  return help;
}

/** The commands below one, by its help; empty for one that has none. */
async function below(command: readonly string[]): Promise<string[]> {
  const found = (await helpOf(command)).matchAll(new RegExp(`^ {2}${['hsmonger', ...command].join(' ')} (\\w[\\w-]*)`, 'gmu'));
  const section = (await helpOf(command)).includes('\nCommands:\n');
  return section ? [...new Set([...found].map(([, name = '']) => name))] : [];
}

const flagsIn = (help: string) =>
  new Set([...help.matchAll(/(?<=^ {2}(?:-\w, )? *)(--[\w-]+)|(?<=^ {2})(-\w)(?=, )/gmu)].map(([flag]) => flag));

async function everyHelp(command: readonly string[] = []): Promise<string[]> {
  const deeper = await Promise.all((await below(command)).map((name) => everyHelp([...command, name])));
  return [await helpOf(command), ...deeper.flat()];
}

/** What of a command line the CLI does not have. */
async function unknownIn(line: string): Promise<string[]> {
  const words = (line.match(/'[^']*'|\S+/gu) ?? []).slice(1);
  const command: string[] = [];
  for (let names = await below(command); names.length > 0; names = await below(command)) {
    const next = words[0];
    if (next === undefined || next.startsWith('-')) break;
    if (!names.includes(next)) return [next];
    command.push(next);
    words.shift();
  }
  const flags = flagsIn(await helpOf(command));
  return words
    .filter((word) => word.startsWith('-'))
    .map((word) => word.replace(/=.*$/u, ''))
    .filter((flag) => !flags.has(flag));
}

const headingsOf = (page: string) =>
  [...taken(page).prose.matchAll(/^#+ (.+)$/gmu)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/gu, '')
      .replace(/\s/gu, '-'),
  );

describe.each(pages)('%s', (page) => {
  it('links only to what is there', () => {
    const broken = [...taken(page).prose.matchAll(/\]\(([^)\s]+)\)/gu)]
      .map(([, target = '']) => target)
      .filter((target) => !/^\w+:/u.test(target))
      .filter((target) => {
        const [file = '', heading] = target.split('#');
        const to = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
        return !existsSync(path.join(root, to)) || (heading !== undefined && !headingsOf(to).includes(heading));
      });
    expect(broken).toEqual([]);
  });

  it('names only commands and flags the CLI has', async () => {
    const wrong = (await Promise.all(commandsOf(page).map(async (line) => ({ line, unknown: await unknownIn(line) })))).filter(
      ({ unknown }) => unknown.length > 0,
    );
    expect(wrong).toEqual([]);
    const flags = new Set((await everyHelp()).flatMap((help) => [...flagsIn(help)]));
    expect(spansOf(page).filter((span) => /^--?\w/u.test(span) && !flags.has(/^[\w-]+/u.exec(span)?.[0] ?? ''))).toEqual([]);
  });

  it('shows no path of the machine it was written on', () => {
    expect(textOf(page)).not.toMatch(/\/tmp\/|\/work\//u);
  });
});

it('these tests would notice a wrong command and a wrong flag', async () => {
  expect(await unknownIn('hsmonger frobnicate')).toEqual(['frobnicate']);
  expect(await unknownIn('hsmonger track frobnicate')).toEqual(['frobnicate']);
  expect(await unknownIn("hsmonger renew --watch 'a certificate'")).toEqual(['--watch']);
  expect(await unknownIn("hsmonger renew -w 30 --dry-run 'a --certificate'")).toEqual([]);
});

it('every command of the CLI has its page', async () => {
  const lines = pages.filter((page) => page.startsWith('docs/')).flatMap(commandsOf);
  const commands = (
    await Promise.all(
      (await below([])).map(async (name) => {
        const deeper = await below([name]);
        return deeper.length === 0 ? [name] : deeper.map((second) => `${name} ${second}`);
      }),
    )
  ).flat();
  expect(commands.filter((command) => !lines.some((line) => `${line} `.startsWith(`hsmonger ${command} `)))).toEqual([]);
});

it('README.md leads to every page', () => {
  const linked = (page: string) =>
    [...taken(page).prose.matchAll(/\]\(([^)\s#]+\.md)/gu)].map(([, target = '']) => path.posix.join(path.posix.dirname(page), target));
  expect(pages.filter((page) => page.startsWith('docs/') && !linked('README.md').includes(page))).toEqual([]);
});

it('every pre-flight check stands in docs/track.md', () => {
  const checks = readdirSync(path.join(root, 'src/tracking/checks'))
    .map((name) => path.basename(name, '.ts'))
    .sort();
  const rows = [...textOf('docs/track.md').matchAll(/^\| ([a-z]+-[a-z-]+|subjects|rekeying) \|/gmu)].map(([, name]) => name).sort();
  expect(rows).toEqual(checks);
});

it('every check of the doctor stands in docs/doctor.md, with what it looks at', () => {
  const rows = [...textOf('docs/doctor.md').matchAll(/^\| (\w+) \| ([A-Z]\w+) \| (.+) \|$/gmu)]
    .map(([, source = '', name = '', about = '']) => `hsmonger.${source} ${name}: ${about}`)
    .sort();
  expect(rows).toEqual(checks.map(({ source, name, about }) => `${source} ${name}: ${about}`).sort());
});

it('every product whose module is known stands in docs/backup.md with how its keys are backed up', () => {
  const rows = [...textOf('docs/backup.md').matchAll(/^\| ([^|]+) \| [^|]{40,} \|$/gmu)].map(([, name = '']) => name.toLowerCase());
  // p11-kit shows the tokens of others.
  const products = vendorModules.map(({ product }) => product).filter((product) => !product.startsWith('p11-kit'));
  const isIn = (product: string) =>
    product.split(/[ (),/]+/u).some((word) => word.length > 3 && rows.some((row) => row.includes(word.toLowerCase())));
  expect(products.length).toBeGreaterThan(8);
  expect(products.filter((product) => !isIn(product))).toEqual([]);
});

it('every profile stands in docs/configuration.md with its lifetime', () => {
  const rows = [...textOf('docs/configuration.md').matchAll(/^\| (ca[A-Za-z, ]+) \| [^|]+ \| (\d+) \|/gmu)].flatMap(
    ([, names = '', days]) => names.split(', ').map((name) => [name, Number(days)] as const),
  );
  expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(Object.values(profiles).map(({ name, days }) => [name, days])));
});
