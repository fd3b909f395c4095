import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DirectoryConfig } from '../../src/config/instance.js';
import { openDirectory } from '../../src/directory/open.js';
import { renewalsDn } from '../../src/directory/tree.js';
import { accountOf, dropTo } from '../../src/platform/service-user.js';

// Opens the directory as root, becomes the service user, and only then reads, writes and watches.
const { config, user, dn, environment } = JSON.parse(await text(process.stdin)) as {
  config: DirectoryConfig;
  user: string;
  dn: string;
  environment: Record<string, string>;
};
const directory = await openDirectory(config, { owner: accountOf(user), environment });
dropTo(user);
const listening = new AbortController();
const changes = directory.watch({ base: renewalsDn(config.base), scope: 'subtree' }, listening.signal)[Symbol.asyncIterator]();
await changes.next();
const seen = changes.next().then(() => true);
const values = [`written by uid ${String(process.getuid?.())}`];
await directory.modify(dn, [{ operation: 'add', attribute: 'userCertificate', values }]);
// Nothing tells when the server has taken the watch up: what it has not heard is done once more.
for (let left = 5; left > 0 && !(await Promise.race([seen, sleep(2000, false)])); left--) {
  await directory.modify(dn, [{ operation: 'delete', attribute: 'userCertificate', values }]);
  await directory.modify(dn, [{ operation: 'add', attribute: 'userCertificate', values }]);
}
await seen;
listening.abort();
const entries = await directory.search({ base: dn, scope: 'base', attributes: ['userCertificate'] });
await directory.close();
process.stdout.write(
  JSON.stringify({
    uid: process.getuid?.(),
    values: entries.flatMap(({ values }) => (values.get('usercertificate') ?? []).map((value) => Buffer.from(value).toString('latin1'))),
  }),
);
