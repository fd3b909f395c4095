import { element } from './der.js';

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/u;
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/u;

/** The Date a DER UTCTime or GeneralizedTime names (RFC 5280 §4.1.2.5: seconds given, always Z); undefined when it is neither. */
export function parseTime(der: Uint8Array): Date | undefined {
  const text = Buffer.from(der.subarray(2)).toString('latin1');
  const parts = (der[0] === 0x17 ? utcTime : der[0] === 0x18 ? generalizedTime : undefined)?.exec(text)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const year = der[0] === 0x18 ? written : written < 50 ? 2000 + written : 1900 + written;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  // Date carries 31 February over into March; such a time is nobody's.
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60 ? date : undefined;
}

/** DER of a time in whole seconds: UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5). */
export function encodeTime(date: Date): Uint8Array {
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050 ? element(0x17, Buffer.from(digitsOf(date).slice(2))) : encodeGeneralizedTime(date);
}

/** DER GeneralizedTime in whole seconds, where no other type may stand (RFC 5280 §5.3.2, RFC 6960 §4.2.1). */
export function encodeGeneralizedTime(date: Date): Uint8Array {
  return element(0x18, Buffer.from(digitsOf(date)));
}

function digitsOf(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace(/\D/gu, '')}Z`;
}
