/** One object as `pkcs11-tool --list-objects` prints it: that version lists all of a kind, whatever --label or --id say. */
export interface ListedObject {
  readonly kind: 'Private Key' | 'Public Key' | 'Certificate';
  readonly label: string;
  /** Hexadecimal. */
  readonly id: string;
  /** The lines as they are. */
  readonly text: string;
}

export function listedObjects(listing: string): ListedObject[] {
  return listing.split(/^(?=\S)/mu).flatMap((text) => {
    const kind = (['Private Key', 'Public Key', 'Certificate'] as const).find((one) => text.startsWith(`${one} Object`));
    if (kind === undefined) return [];
    return [{ kind, label: /^ +label: +(.*)$/mu.exec(text)?.[1] ?? '', id: /^ +ID: +([0-9a-f]+)/mu.exec(text)?.[1] ?? '', text }];
  });
}
