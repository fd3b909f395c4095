/** certmonger runs this as root after it has saved a certificate; everything is in the chunk `hooks`. */
async function main(): Promise<void> {
  const { postSave } = await import('#chunk/hooks');
  process.exitCode = await postSave(process.argv.slice(2), process.env);
}

void main();
