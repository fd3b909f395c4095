import { HsmongerError } from '../errors.js';
import type { Entry, Modification } from './directory.js';
import { isAttribute } from './filter.js';

/**
 * LDIF (RFC 2849) as OpenLDAP's tools write and read it with `-LLL -o ldif-wrap=no`: one value a line, base64 after `::`. Anything
 * else is refused: a line misread here would be a value the directory does not hold.
 */

/** Entries of an LDIF; references to other servers are left out. DIRECTORY_INVALID for anything that is none. */
export function parseLdif(text: string): Entry[] {
  return text
    .split(/\r?\n\r?\n+/u)
    .map((record) => record.split(/\r?\n/u).filter((line) => line !== '' && !line.startsWith('#')))
    .filter((lines) => lines.length > 0 && !lines.every((line) => line.startsWith('ref')))
    .map(entryOf);
}

function entryOf(lines: readonly string[]): Entry {
  const [first, ...rest] = lines.map(lineOf);
  if (first?.attribute !== 'dn') throw invalid('a record that does not begin with dn:');
  const values = new Map<string, Uint8Array[]>();
  for (const { attribute, value } of rest) {
    const known = values.get(attribute);
    if (known === undefined) values.set(attribute, [value]);
    else known.push(value);
  }
  return { dn: Buffer.from(first.value).toString(), values };
}

function lineOf(line: string): { readonly attribute: string; readonly value: Uint8Array } {
  const [, attribute, encoded, plain] = /^([^:\s]+):(?:: ?([A-Za-z0-9+/]*={0,2})| ?([^:< ].*|))$/u.exec(line) ?? [];
  if (attribute === undefined || !isAttribute(attribute)) throw invalid(JSON.stringify(line.slice(0, 80)));
  if (encoded === undefined) return { attribute: attribute.toLowerCase(), value: Buffer.from(plain ?? '') };
  const value = Buffer.from(encoded, 'base64');
  if (value.toString('base64') !== encoded) throw invalid(`base64 of ${attribute} that is cut short`);
  return { attribute: attribute.toLowerCase(), value };
}

function invalid(what: string): HsmongerError {
  return new HsmongerError('DIRECTORY_INVALID', `The answer of OpenLDAP's ldapsearch is no LDIF as it is asked for: ${what}.`);
}

export function modifyLdif(dn: string, modifications: readonly Modification[]): string {
  const changes = modifications.flatMap(({ operation, attribute, values }) => [
    `${operation}: ${checked(attribute)}`,
    ...values.map((value) => line(attribute, value)),
    '-',
  ]);
  return [line('dn', dn), 'changetype: modify', ...changes, ''].join('\n');
}

export function addLdif(dn: string, attributes: Readonly<Record<string, readonly (string | Uint8Array)[]>>): string {
  return [
    line('dn', dn),
    'changetype: add',
    ...Object.entries(attributes).flatMap(([attribute, values]) => values.map((value) => line(checked(attribute), value))),
    '',
  ].join('\n');
}

/** Always base64: nothing a value holds can become a line of its own, or an URL for the tool to read from. */
const line = (attribute: string, value: string | Uint8Array) => `${attribute}:: ${Buffer.from(value as Uint8Array).toString('base64')}`;

function checked(attribute: string): string {
  if (!isAttribute(attribute)) throw new TypeError(`${JSON.stringify(attribute)} is no attribute description`);
  return attribute;
}

export function removeLdif(dn: string): string {
  return [line('dn', dn), 'changetype: delete', ''].join('\n');
}
