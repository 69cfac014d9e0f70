// Starts one headless Chromium for many tests and tells where it listens:
//   node chromium.mjs EXECUTABLE
// Ends with its stdin.

import {chromium} from "playwright-core";

const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const server = await chromium.launchServer({executablePath: process.argv[2], args: FLAGS});
process.stdout.write(JSON.stringify({endpoint: server.wsEndpoint()}) + "\n");
process.stdin.resume();
process.stdin.on("end", () => server.close());
