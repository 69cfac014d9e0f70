// A Faye server on a port of its own, printed as the first line; ends with its standard input.
import http from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../interop/", import.meta.url));
const faye = require("faye");

const server = http.createServer((request, response) => response.writeHead(404).end());
new faye.NodeAdapter({ mount: "/bayeux", timeout: 1 }).attach(server);
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume();
