import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Stands before the real helper of an installation, and does to its answers what the token's own CA never would. */
export interface HeldHelper {
  /** From now on a certificate is issued and not handed out: certmonger is told to ask again. */
  hold(): void;
  /** What is held is handed out at the next question. */
  release(): void;
  /** From now on every request is refused, with these words; undefined: no more. */
  refuse(words: string | undefined): void;
  /** Something is held. */
  held(): boolean;
}

export function holdHelper(executables: string): HeldHelper {
  const program = path.join(executables, 'hsmonger-submit');
  const real = path.join(executables, 'hsmonger-submit-itself');
  const [hold, answer, refusal] = ['hold', 'answer', 'refusal'].map((name) => path.join(executables, name)) as [string, string, string];
  renameSync(program, real);
  writeFileSync(
    program,
    `#!/bin/sh
case "$CERTMONGER_OPERATION" in SUBMIT|POLL) ;; *) exec ${real} "$@" ;; esac
if [ -e ${refusal} ]; then cat ${refusal}; exit 2; fi
if [ -e ${answer} ] && [ ! -e ${hold} ]; then cat ${answer}; rm ${answer}; exit 0; fi
if [ -e ${answer} ]; then printf '2\\nheld\\n'; exit 5; fi
given=$(${real} "$@"); code=$?
if [ $code = 0 ] && [ -e ${hold} ]; then printf '%s\\n' "$given" > ${answer}; printf '2\\nheld\\n'; exit 5; fi
printf '%s\\n' "$given"
exit $code
`,
  );
  chmodSync(program, 0o755);
  return {
    hold: () => {
      writeFileSync(hold, '');
    },
    release: () => {
      rmSync(hold);
    },
    refuse: (words) => {
      if (words === undefined) rmSync(refusal, { force: true });
      else writeFileSync(refusal, `${words}\n`);
    },
    held: () => existsSync(answer),
  };
}
