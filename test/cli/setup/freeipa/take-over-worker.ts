/** Runs one command line of the CLI on a server's tree, to be killed at will: root, then the words. */
import { runCli } from '../../../../src/cli/main.js';

const [root = '/', ...argv] = process.argv.slice(2);
process.exitCode = await runCli(argv, undefined, {}, root);
