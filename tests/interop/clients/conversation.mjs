// One CometD client that does what it is asked and tells what happens to it.
//
// Knows nothing of Node or of pages: who runs it gives it the library's `CometD` class and a
// function that takes events. Every answer of `ask` is a plain value; every event is
// `{event, ...}`: handshake, connect, unsuccessful, message.

export class Conversation {
  #cometd;
  #tell;
  #wanted = new Map(); // channel -> the library's subscription; made again at every handshake

  constructor(CometD, tell, {extensions = {}} = {}) {
    this.#cometd = new CometD();
    this.#tell = tell;
    for (const [name, extension] of Object.entries(extensions)) {
      this.#cometd.registerExtension(name, extension);
    }
    this.#cometd.registerExtension("subscription-arrays", {outgoing: sendSubscriptionAsArray});
    this.#cometd.addListener("/meta/handshake", (reply) => this.#handshaken(reply));
    this.#cometd.addListener("/meta/connect", (reply) => this.#told("connect", reply));
    this.#cometd.addListener("/meta/unsuccessful", (reply) => this.#told("unsuccessful", reply));
  }

  // Does one command; the answer is what Bayeux replied, or null.
  ask({command, ...details}) {
    return this[command](details);
  }

  // `transports`: the names to choose from, in this order of the library; none = all but callback-polling.
  // `extensions`: the library's own, by the names of their classes.
  async open({url, transports, headers = {}, props = {}, extensions = []}) {
    const library = await import("cometd");
    for (const name of extensions) {
      this.#cometd.registerExtension(name, new library[name]());
    }
    for (const name of this.#cometd.getTransportTypes()) {
      if (transports ? !transports.includes(name) : name === "callback-polling") {
        this.#cometd.unregisterTransport(name);
      }
    }
    this.#cometd.configure({
      url, requestHeaders: headers, backoffIncrement: 100, logLevel: "warn", useWorkerScheduler: false,
    });
    return this.#answer((callback) => this.#cometd.handshake(props, callback));
  }

  subscribe({channel}) {
    return this.#answer((callback) => {
      this.#wanted.set(channel, this.#cometd.subscribe(channel, this.#hear, undefined, callback));
    });
  }

  // One attempt that is not repeated.
  async openOnce(details) {
    const reply = await this.open(details);
    if (!reply.successful) {
      this.#cometd.disconnect();
    }
    return reply;
  }

  // One /meta/subscribe for all channels.
  subscribeTogether({channels}) {
    const [first, ...others] = channels;
    const answer = this.#answer((callback) => {
      this.#cometd.subscribe(first, this.#hear, {ext: {together: channels}}, callback);
    });
    others.forEach((channel) => this.listen({channel}));
    return answer;
  }

  unsubscribe({channel}) {
    const subscription = this.#wanted.get(channel);
    this.#wanted.delete(channel);
    return this.#answer((callback) => this.#cometd.unsubscribe(subscription, undefined, callback));
  }

  // Hears what the server delivers on a channel without subscribing to it.
  listen({channel}) {
    this.#cometd.addListener(channel, this.#hear);
    return null;
  }

  publish({channel, data}) {
    return this.#answer((callback) => this.#cometd.publish(channel, data, undefined, callback));
  }

  // The answer is what the application's callback is given: that of the target, or the library's own for a failure.
  remoteCall({target, data, patience = 10000}) {
    return this.#answer((callback) => this.#cometd.remoteCall(target, data, patience, callback));
  }

  // All in one request or frame; the answer is the list of replies.
  batch({messages}) {
    let replies;
    this.#cometd.batch(() => {
      replies = messages.map((message) => this.publish(message));
    });
    return Promise.all(replies);
  }

  disconnect() {
    return this.#answer((callback) => this.#cometd.disconnect(callback));
  }

  status() {
    return {
      status: this.#cometd.getStatus(),
      transport: this.#cometd.getTransport()?.type ?? null,
      clientId: this.#cometd.getClientId(),
    };
  }

  // Keeps the state for the page's next load (the library's reload extension).
  prepareReload() {
    this.#cometd.reload();
    return null;
  }

  #hear = (message) => this.#tell({event: "message", message});

  #handshaken(reply) {
    this.#told("handshake", reply);
    if (reply.successful) {
      this.#cometd.batch(() => {
        for (const channel of this.#wanted.keys()) {
          this.#wanted.set(channel, this.#cometd.subscribe(channel, this.#hear, undefined, (answer) => {
            this.#told("resubscribe", answer);
          }));
        }
      });
    }
  }

  #told(event, {failure, ...reply}) {
    this.#tell({event, transport: this.#cometd.getTransport()?.type ?? null, ...reply, failed: failure !== undefined});
  }

  #answer(request) {
    return new Promise((resolve) => request(({failure, ...reply}) => resolve(reply)));
  }
}

function sendSubscriptionAsArray(message) {
  if (message.channel === "/meta/subscribe" && message.ext?.together) {
    message.subscription = message.ext.together;
    delete message.ext;
  }
  return message;
}
