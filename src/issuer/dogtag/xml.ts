import { XMLParser } from 'fast-xml-parser';

/** An element's text, or its children by name (an array where a name comes more than once). */
export type XmlNode = string | { readonly [name: string]: XmlNode | readonly XmlNode[] };

const maxDepth = 40;

// No entity is expanded: what the CA escapes is turned back by textOf(), and it declares none.
const parser = new XMLParser({
  processEntities: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  parseTagValue: false,
  trimValues: true,
});

/**
 * The document as a tree; undefined for what is cut short, has a DOCTYPE or anything else with '<!' in it, or is deeper than any of
 * Dogtag's.
 */
export function parseXml(text: string): XmlNode | undefined {
  // Each comment that begins is one that ends: a search for the end is never in vain, so all of them together cost the text's length.
  if (text.lastIndexOf('<!--') > text.lastIndexOf('-->')) return undefined;
  const bare = text.replace(/<!--.*?-->/gsu, '');
  if (bare.includes('<!') || !isBalanced(bare)) return undefined;
  try {
    const tree: unknown = parser.parse(bare);
    return typeof tree === 'object' && tree !== null ? (tree as XmlNode) : undefined;
  } catch {
    return undefined;
  }
}

/** The parser closes by itself what half an answer leaves open. */
function isBalanced(text: string): boolean {
  const open: string[] = [];
  for (const [, inside = ''] of text.matchAll(/<([^<>]*)>/gu)) {
    const [, closing, name] = /^(\/?)([A-Za-z_][^\s/]*)/u.exec(inside) ?? [];
    if (name === undefined) continue;
    if (closing === '/') {
      if (open.pop() !== name) return false;
    } else if (!inside.endsWith('/')) {
      open.push(name);
    }
    if (open.length > maxDepth) return false;
  }
  return open.length === 0 && text.lastIndexOf('<') <= text.lastIndexOf('>');
}

/** The nodes at a path of names, every branch taken. */
export function nodesAt(node: XmlNode | undefined, ...path: readonly string[]): readonly XmlNode[] {
  const [name, ...rest] = path;
  if (node === undefined) return [];
  if (name === undefined) return [node];
  if (typeof node === 'string') return [];
  const found = Object.hasOwn(node, name) ? node[name] : undefined;
  if (found === undefined) return [];
  return (isList(found) ? found : [found]).flatMap((child) => nodesAt(child, ...rest));
}

/** The text at a path; undefined where there is no such element, or an empty one. */
export function textAt(node: XmlNode | undefined, ...path: readonly string[]): string | undefined {
  const [found] = nodesAt(node, ...path);
  return typeof found === 'string' && found !== '' ? unescaped(found) : undefined;
}

function isList(value: XmlNode | readonly XmlNode[]): value is readonly XmlNode[] {
  return Array.isArray(value);
}

const predefined: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** XML's five and character references (XML 1.0 §4.6, §4.1); nothing else is ever replaced. */
function unescaped(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));/gu,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return predefined[name] ?? whole;
      const point = hex === undefined ? Number.parseInt(decimal ?? '', 10) : Number.parseInt(hex, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}
