/** Values by key, keys in lower case as Python's configparser has them. */
export type IniSection = ReadonlyMap<string, string>;

const comment = /^\s*[#;]/u;
const header = /^\[(?<name>[^\]]+)\]/u;

/**
 * Reads what Python's configparser writes and people edit: sections, `key = value` or `key: value`, whole-line comments, indented lines
 * that continue a value, any line ends. The last of two equal keys counts; what is none of these is passed over.
 */
export function parseIni(text: string): ReadonlyMap<string, IniSection> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key: string | undefined;
  for (const line of text.split(/\r\n|\r|\n/u)) {
    if (line.trim() === '' || comment.test(line)) continue;
    if (/^\s/u.test(line)) {
      if (section !== undefined && key !== undefined) section.set(key, `${section.get(key) ?? ''}\n${line.trim()}`);
      continue;
    }
    key = undefined;
    const name = header.exec(line)?.groups?.['name'];
    if (name !== undefined) {
      section = sections.get(name) ?? new Map<string, string>();
      sections.set(name, section);
      continue;
    }
    // Not by a regular expression: a long line must not cost more than its length.
    const at = line.search(/[=:]/u);
    if (section === undefined || at < 1) continue;
    key = line.slice(0, at).trim().toLowerCase();
    section.set(key, line.slice(at + 1).trim());
  }
  return sections;
}
