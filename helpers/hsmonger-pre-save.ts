/** certmonger runs this as root before it saves a certificate; everything is in the chunk `hooks`. */
async function main(): Promise<void> {
  const { preSave } = await import('#chunk/hooks');
  process.exitCode = await preSave(process.argv.slice(2), process.env);
}

void main();
