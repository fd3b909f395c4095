/** All in milliseconds. Signals come in bursts: an enrolment passes twenty states. */
export const settleMs = 200;
/** Until a certificate is thought of again where nothing calls for it sooner. */
export const idleMs = 60_000;
/** Between two looks while something waits for what they may show. */
export const lookMs = { first: 20_000, later: 60_000, laterAfter: 600_000, least: 3000 };
/** Until the next try of a cure certmonger did not take, or that something was in the way of. */
export const again = { untaken: 5000, hindered: 20_000 };
