// npm cometd-nodejs-server as a peer of the conformance cases:
// node cometd-nodejs-server.mjs '{"quick": {"options": {"timeout": 600}, "hooks": true, "extensions": []}}'

import { install } from "./cometd-nodejs-hooks.mjs";
import { PATH, load, notFound, serve } from "./serve.mjs";

const cometd = load("cometd-nodejs-server");
const { AcknowledgedMessagesExtension } = load("cometd-nodejs-server/ack-extension");

/** Its name of an option of the specification. */
function camel(name) {
  return name.replace(/_http_code$/, "_http_response_code").replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

serve((httpServer, { options, hooks, extensions }) => {
  const named = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [camel(name), value === "on" ? true : value]),
  );
  const server = cometd.createCometDServer(named);
  if (hooks) {
    install(server);
  }
  if (extensions.includes("ack")) {
    server.addExtension(new AcknowledgedMessagesExtension());
  }
  if (named.metaConnectDeliveryOnly) {
    // What its own acknowledge extension does; there is no public name for it.
    server.addListener("sessionAdded", (session) => (session._metaConnectDeliveryOnly = true));
  }
  httpServer.on("request", (request, response) => {
    const [path] = request.url.split("?");
    const isBelow = path === PATH || path.startsWith(`${PATH}/`);
    return isBelow ? server.handle(request, response) : notFound(request, response);
  });
});
