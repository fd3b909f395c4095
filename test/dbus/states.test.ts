import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { refreshableStates, restingState, stuckStates, terminalStates } from '../../dbus/states.js';

const daemon = readFileSync('/usr/sbin/certmonger', 'latin1');

describe('certmonger’s states', () => {
  it.each([...terminalStates, ...refreshableStates])('%s is a name the installed daemon has', (state) => {
    expect(daemon).toContain(`\0${state}\0`);
  });

  it('that end a wait are the stuck ones, the resting one and the unreachable CA', () => {
    expect(stuckStates.has(restingState)).toBe(false);
    expect([...terminalStates].filter((state) => !stuckStates.has(state))).toEqual([restingState, 'CA_UNREACHABLE']);
  });
});
