/**
 * Serves the demo model on a loopback port: `npx tsx scripts/demo-model.mjs [port]`. Prints the base
 * URL as one line and runs until it is told to stop.
 */
import { createDemoServer } from '#lib/server/model/demo/demo-server.ts';

const port = Number(process.argv[2] ?? 0);
const server = await createDemoServer({ port });
console.log(server.baseUrl);
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.once(signal, () => void server.close().then(() => process.exit(0)));
}
