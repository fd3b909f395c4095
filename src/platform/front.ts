/** What packaging/hsmonger-submit.sh holds open for the node it runs, where it says so. */
export const frontDescriptors = { watchdog: 3, answer: 4 } as const;

export function hasFront(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['HSMONGER_FRONT'] !== undefined;
}
