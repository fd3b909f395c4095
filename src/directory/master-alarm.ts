/** What is known about who renews for all servers. */
export interface MasterFacts {
  /** The instance's name: part of the command that mends it. */
  readonly instance: string;
  /** This server. */
  readonly host: string;
  /** The servers the directory calls renewal master; exactly one should be. */
  readonly masters: readonly string[];
  /** What is remembered of the one master where it is another server (ledger/master-sightings.ts); absent while nobody has looked. */
  readonly sighting?: { readonly since: Date; readonly seen?: Date };
  /** Silent for more days, it is called gone. */
  readonly goneDays: number;
}

const day = 86_400_000;

/** What is wrong with the renewal master, as one sentence with the command that mends it; undefined while nothing is. */
export function masterAlarm(now: Date, { instance, host, masters, sighting, goneDays }: MasterFacts): string | undefined {
  const [master, ...more] = masters;
  const command = (name: string) => `'hsmonger master set ${name}${instance === 'hsmonger' ? '' : ` --instance ${instance}`}'`;
  if (master === undefined)
    return `No server is the renewal master, so nobody renews the certificates the servers share; name one with ${command('HOST')}, for example this server with ${command(host)}.`;
  if (more.length > 0)
    return `${masters.map((name) => `'${name}'`).join(' and ')} are ${more.length === 1 ? 'both' : 'all'} renewal master, so each renews what the others already did; leave one with ${command(masters.find((name) => sameHost(name, host)) ?? master)}.`;
  if (sameHost(master, host) || sighting === undefined) return undefined;
  const last = sighting.seen ?? sighting.since;
  const silent = Math.floor((now.getTime() - last.getTime()) / day);
  if (now.getTime() - last.getTime() <= goneDays * day) return undefined;
  const gone =
    sighting.seen === undefined
      ? `was never seen in the ${String(silent)} days it was looked for`
      : `was last seen ${String(silent)} days ago (${last.toISOString().slice(0, 10)})`;
  return `The renewal master '${master}' ${gone}, so nobody renews the certificates the servers share; bring it back, or make this server the renewal master with ${command(host)}.`;
}

/** Host names as DNS has them: without regard to case or to a dot at the end. */
export function sameHost(left: string, right: string): boolean {
  return canonical(left) === canonical(right);
}

function canonical(host: string): string {
  return host.toLowerCase().replace(/\.$/u, '');
}
