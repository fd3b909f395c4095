/**
 * Looks at a PKCS#11 module from where certmonger's children stand: started with the daemon's environment and nothing else, as the
 * daemon's user or, because certmonger saves as nss-user, as the service user. Prints the labels of the module's tokens as JSON and
 * logs in nowhere. Arguments: module, user or '', library parameters or ''.
 */
import { sentenceOf } from '../errors.js';
import { listTokens } from '../pkcs11/open-token.js';
import { dropTo } from '../platform/service-user.js';
import type { TokenView } from './facts.js';

function look(module: string, user: string, parameters: string): TokenView {
  try {
    const home = process.env['HOME'];
    if (user !== '') dropTo(user);
    // certmonger changes the user and nothing else (certsave-n.c:142): HOME stays the daemon's.
    if (home !== undefined) process.env['HOME'] = home;
    const tokens = listTokens({ module, environment: {}, ...(parameters === '' ? {} : { parameters }) });
    return { labels: tokens.filter(({ initialized }) => initialized).map(({ label }) => label) };
  } catch (error) {
    return { failure: sentenceOf(error) };
  }
}

const [module = '', user = '', parameters = ''] = process.argv.slice(2);
// A module's own threads must not keep the caller waiting.
process.stdout.write(JSON.stringify(look(module, user, parameters)), () => process.exit(0));
