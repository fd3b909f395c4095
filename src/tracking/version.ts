/** certmonger's versions are three numbers. */
export type Version = readonly number[];

/** Undefined for what is no version. */
export function versionOf(text: string): Version | undefined {
  const numbers = /\d+(?:\.\d+)+/u.exec(text)?.[0].split('.').map(Number);
  return numbers?.every(Number.isSafeInteger) === true ? numbers : undefined;
}

/** Below zero when `one` is older. */
export function compareVersions(one: Version, other: Version): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
