import type { TokenConfig } from '../../src/config/instance.js';
import { asHsmongerError } from '../../src/errors.js';
import { openPinGuard } from '../../src/ledger/pins.js';
import { openToken } from '../../src/pkcs11/open-token.js';

// Logs in as any process of ours does and answers 'in' or the error's code. Arguments: configuration as JSON, PIN memory, attempts.
const [config, file, times] = process.argv.slice(2) as [string, string, string];
const pins = openPinGuard(file);
const answers: string[] = [];
for (let n = 0; n < Number(times); n++) {
  try {
    const token = await openToken(JSON.parse(config) as TokenConfig, { pins });
    try {
      await token.login();
      answers.push('in');
    } finally {
      await token.close();
    }
  } catch (error) {
    answers.push(asHsmongerError(error).code);
  }
}
pins.close();
process.stdout.write(JSON.stringify(answers));
