// A server of npm cometd-nodejs-server with acknowledged messages, on a port of its own, printed as the first line;
// ends with its standard input. It knows its sessions' names: what is said on /service/hello is answered there.
import http from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../interop/", import.meta.url));
const cometd = require("cometd-nodejs-server");
const { AcknowledgedMessagesExtension } = require("cometd-nodejs-server/ack-extension");

const server = cometd.createCometDServer({ timeout: 5000, maxInterval: 5000 });
server.addExtension(new AcknowledgedMessagesExtension());
server.createServerChannel("/service/hello").addListener("message", (session, channel, message, done) => {
  session.deliver(null, "/service/hello", { hello: message.data });
  done();
});
server.policy = {
  canPublish(session, message, channel, answer) {
    answer(undefined, channel.name !== "/closed");
  },
};

const httpServer = http.createServer(server.handle);
httpServer.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(httpServer.address().port));
process.stdin.on("end", () => process.exit()).resume();
