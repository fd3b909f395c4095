/** The admin CLI's entry; everything is in the chunk `cli`. */
async function main(): Promise<void> {
  const { runCli } = await import('#chunk/cli');
  process.exitCode = await runCli(process.argv.slice(2));
}

void main();
