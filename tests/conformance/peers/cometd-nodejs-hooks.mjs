// What profiles.py agrees on for the profiles with hooks, told to npm cometd-nodejs-server as far as it can be.

/** The policy: refuses by name. */
const policy = {
  canHandshake(session, message, answer) {
    const wish = message.ext?.conformance;
    if (wish === "deny-in-own-words") {
      Object.assign(message.reply, { advice: { interval: 7000 }, ext: { why: "closed" } });
    }
    answer(undefined, wish !== "deny" && wish !== "deny-in-own-words");
  },
  canCreate(session, message, channel, answer) {
    answer(undefined, !channel.startsWith("/uncreatable/"));
  },
  canSubscribe(session, message, channel, answer) {
    answer(...may(channel.name, "/unreadable/"));
  },
  canPublish(session, message, channel, answer) {
    answer(...may(channel.name, "/unwritable/"));
  },
};

function may(channel, closed) {
  return channel.startsWith("/raising/policy/") ? [new Error("agreed")] : [undefined, !channel.startsWith(closed)];
}

/** What cases wait for, by name. */
class Gates {
  #waiting = new Map();
  #opened = new Set();

  wait(name, goOn) {
    if (this.#opened.has(name)) {
      goOn();
    } else {
      this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), goOn]);
    }
  }

  open(name) {
    this.#opened.add(name);
    (this.#waiting.get(name) ?? []).forEach((goOn) => goOn());
    this.#waiting.delete(name);
  }
}

function extension(gates) {
  return {
    incoming(server, session, message, answer) {
      switch (message.ext?.conformance) {
        case "delete":
          return answer(undefined, false);
        case "raise":
          throw new Error("agreed");
        case "wait":
          return gates.wait(message.ext.gate, () => answer(undefined, true));
        default:
          return answer(undefined, true);
      }
    },
    outgoing(server, sender, session, message, answer) {
      answer(undefined, message.channel !== "/service/silent");
    },
  };
}

/** The service channels that answer at once. */
function services(server, gates) {
  return {
    echo: (session, data) => session.deliver(null, "/echo", data),
    publish: (session, { channel, data }) => server.createServerChannel(channel).publish(null, data),
    deliver: (session, { clientId, channel, data }) => server.getServerSession(clientId).deliver(null, channel, data),
    kick(session, { clientId, events = [] }) {
      const victim = server.getServerSession(clientId);
      events.forEach((data) => victim.deliver(null, "/last", data));
      victim.disconnect();
    },
    open: (session, { gate }) => gates.open(gate),
  };
}

function listen(server, channel, listener) {
  server.createServerChannel(channel).addListener("message", listener);
}

/** Hang the agreed hooks on a server. */
export function install(server) {
  const gates = new Gates();
  server.policy = policy;
  server.addExtension(extension(gates));
  server.addListener("sessionAdded", (session, message) => {
    if (message.ext?.conformance === "greet") {
      session.deliver(null, "/greeting", "hello");
    }
  });
  for (const [name, act] of Object.entries(services(server, gates))) {
    listen(server, `/service/${name}`, (session, channel, message, answer) => {
      act(session, message.data);
      answer(undefined, true);
    });
  }
  listen(server, "/service/wait", (session, channel, message, answer) => {
    gates.wait(message.data.gate, () => answer(undefined, true));
  });
  listen(server, "/vetoed/**", (session, channel, message, answer) => answer(undefined, false));
  listen(server, "/raising/listener/**", () => {
    throw new Error("agreed");
  });
}
