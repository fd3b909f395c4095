import type { Fault } from './fault.js';
import type { SoakSite } from './soak-site.js';

const hour = 3_600_000;

/** Of certmonger, the bus and the agent. */
export function daemonFaults(soaked: SoakSite, random: () => number): Fault[] {
  const { certmonger, bus } = soaked.site;
  return [
    {
      name: 'certmonger killed',
      touches: ['certmonger'],
      begin: async () => {
        await certmonger.kill('SIGKILL');
        await certmonger.restart();
      },
    },
    { name: 'certmonger stopped', touches: ['certmonger'], begin: () => certmonger.stop(), end: () => certmonger.restart() },
    {
      // The session daemon ends with its bus, and nobody starts it again here as systemd would.
      name: 'bus restarted',
      touches: ['certmonger'],
      begin: async () => {
        await certmonger.kill('SIGKILL');
        await bus.restart();
        await certmonger.restart();
      },
    },
    { name: 'agent killed', touches: ['agent'], begin: () => soaked.restartAgent('SIGKILL') },
    { name: 'agent restarted', touches: ['agent'], begin: () => soaked.restartAgent('SIGTERM') },
    {
      name: 'agent stands still',
      touches: ['agent'],
      begin: () => {
        process.kill(soaked.agent().pid, 'SIGSTOP');
      },
      end: () => {
        process.kill(soaked.agent().pid, 'SIGCONT');
      },
    },
    {
      name: "agent's clock ahead",
      touches: ['agent'],
      begin: () => {
        soaked.shiftClock(Math.round(random() * 40 * 24 * hour));
      },
      end: () => {
        soaked.shiftClock(0);
      },
    },
    {
      name: "agent's clock behind",
      touches: ['agent'],
      begin: () => {
        soaked.shiftClock(-Math.round(random() * 24 * hour));
      },
      end: () => {
        soaked.shiftClock(0);
      },
    },
  ];
}
