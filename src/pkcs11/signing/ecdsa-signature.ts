/**
 * Ecdsa-Sig-Value (RFC 3279 §2.2.3), DER, of the two numbers side by side that PKCS#11 gives (2.40 §2.3.6). No curve of ours makes it
 * longer than 255 octets.
 */
export function ecdsaSigValue(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const content = Buffer.concat([integer(raw.subarray(0, half)), integer(raw.subarray(half))]);
  return Uint8Array.from(
    Buffer.concat([Buffer.from(content.length < 0x80 ? [0x30, content.length] : [0x30, 0x81, content.length]), content]),
  );
}

function integer(magnitude: Uint8Array): Buffer {
  const start = magnitude.findIndex((octet) => octet !== 0);
  const octets = start < 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  const content = (octets[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), octets]) : Buffer.from(octets);
  return Buffer.concat([Buffer.of(0x02, content.length), content]);
}
