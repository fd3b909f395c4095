import type { Diagnosis } from '../../diagnosis/diagnosis.js';
import { pinStates } from '../../diagnosis/groups.js';
import type { LoginProbe, Probe } from '../../diagnosis/probe.js';
import type { PinSourceIdentity } from '../../pkcs11/token.js';
import type { AgentEvent } from '../report/events.js';
import type { Log } from '../log.js';
import type { CachedRequest } from '../requests/request-cache.js';
import type { PinFile } from './pin-file.js';

/** Keeps a bad PIN from certmonger, and sees a new one come. */
export interface PinWatch {
  /** Where the last bad one was moved to, while there is no new one. */
  movedTo(): string | undefined;
  /** Acts on what is known now. Gives whether another file is there than the one that was judged, so that a look is due. */
  attend(known: PinKnown): Promise<boolean>;
}

export interface PinKnown {
  readonly probe: Probe | undefined;
  /** Of the instance as a whole. */
  readonly diagnoses: readonly Diagnosis[];
  /** certmonger itself says the PIN did not work. */
  readonly certmongerDoubts: boolean;
}

export interface PinWatchMeans {
  readonly instance: string;
  /** undefined: certmonger has the PIN by no file of the instance. */
  readonly file: PinFile | undefined;
  readonly tell: (event: AgentEvent) => void;
  readonly log: Log;
  readonly clock: () => Date;
}

export function createPinWatch({ instance, file, tell, log, clock }: PinWatchMeans): PinWatch {
  let locked = file?.movedTo() !== undefined;
  let proven: PinSourceIdentity | undefined;
  /** The last one acted on: an attempt to move it that failed is not repeated at every look. */
  let handled: PinSourceIdentity | undefined;
  /** What was there when it was last looked at. */
  let looked: PinSourceIdentity | undefined;

  const event = (kind: 'locked' | 'unlocked', message: string, details: Readonly<Record<string, string>>) => {
    tell({ kind, at: clock(), instance, message, details });
  };

  /** The very file that is bad: judged by the token, or unproven while one more attempt would lock it. */
  const badOne = (
    login: LoginProbe | undefined,
    { diagnoses, certmongerDoubts }: Omit<PinKnown, 'probe'>,
  ): PinSourceIdentity | undefined => {
    const cause = diagnoses.find(({ cure }) => cure.by === 'move PIN aside')?.cause;
    if (cause === 'pin-refused') return login?.state === 'refused' ? login.source : undefined;
    if (cause !== 'pin-final-try') return undefined;
    const now = file?.identity();
    return certmongerDoubts || now !== proven ? now : undefined;
  };

  const aside = async (pin: PinFile, judged: PinSourceIdentity, code: string) => {
    handled = judged;
    const done = await pin.moveAside(judged);
    switch (done.result) {
      case 'moved':
        locked = true;
        log('warning', `the PIN in ${pin.path} is bad; it was moved to ${done.to} so that certmonger spends no more attempts on it.`);
        event('locked', `The PIN in ${pin.path} is bad and was moved to ${done.to}; write the right one to ${pin.path}.`, {
          reason: code,
          'moved-to': done.to,
        });
        return;
      case 'wiped':
        // The PIN's keeper tells that it is locked.
        log('warning', `the PIN in ${pin.path} is bad; it was wiped so that certmonger spends no more attempts on it.`);
        return;
      case 'unsafe':
      case 'failed':
        log('error', done.problem);
        return;
      case 'changed':
      case 'gone':
        return;
    }
  };

  return {
    movedTo: () => file?.movedTo(),
    async attend({ probe, diagnoses, certmongerDoubts }) {
      if (file === undefined) return false;
      const login = probe?.token?.state === 'present' ? probe.token.login : undefined;
      if (login?.state === 'proven') {
        proven = login.source;
        if (locked) event('unlocked', `The PIN in ${file.path} is proven; what waited for it goes on.`, { reason: 'proven' });
        locked = false;
      }
      const bad = badOne(login, { diagnoses, certmongerDoubts });
      if (bad !== undefined && bad !== handled)
        await aside(file, bad, login !== undefined && login.state !== 'proven' ? login.code : 'PIN_FINAL_TRY');
      const now = file.identity();
      const fresh =
        now !== undefined && now !== looked && now !== bad && login !== undefined && (login.state !== 'proven' || login.source !== now);
      looked = now;
      return fresh;
    },
  };
}

/** Whether certmonger's own requests say that the PIN did not work: that alone is no proof, it is where one more attempt would lock it. */
export function doubtsPin(requests: Iterable<CachedRequest>, diagnoses: Iterable<Diagnosis>): boolean {
  return (
    [...requests].some(({ request }) => (pinStates as readonly string[]).includes(request.status)) ||
    [...diagnoses].some(({ cause }) => cause === 'saving-fails')
  );
}
