// npm `faye` on Node: the same commands and events as conversation.mjs.

import faye from "faye";
import permessageDeflate from "permessage-deflate";
import {obey, tell} from "./commands.mjs";

class FayeConversation {
  #client;
  #subscriptions = new Map();
  #together = [];
  #transport = null;

  ask({command, ...details}) {
    return this[command](details);
  }

  open({url, transports, headers = {}}) {
    this.#client = new faye.Client(url, {retry: 0.1});
    this.#client.addWebsocketExtension(permessageDeflate); // it is offered; the library alone offers none
    if (transports && !transports.includes("websocket")) {
      this.#client.disable("websocket");
    }
    for (const [name, value] of Object.entries(headers)) {
      this.#client.setHeader(name, value);
    }
    this.#client.addExtension({
      outgoing: (message, forward) => forward(this.#outgoing(message)),
      incoming: (message, forward) => forward(this.#incoming(message)),
    });
    return new Promise((resolve) => this.#client.connect(() => resolve(null)));
  }

  async subscribe({channel}) {
    const subscription = this.#client.subscribe(channel).withChannel((name, data) => {
      tell({event: "message", message: {channel: name, data}});
    });
    this.#subscriptions.set(channel, subscription);
    return answered(subscription, {subscription: channel});
  }

  // The library asks for each channel by itself; its first request is sent with all of them, the others are not sent.
  async subscribeTogether({channels}) {
    this.#together = channels;
    const [first] = channels.map((channel) => this.subscribe({channel}));
    return {...(await first), subscription: channels};
  }

  async unsubscribe({channel}) {
    const unsubscribed = new Promise((resolve) => { this.#unsubscribed = resolve; });
    this.#subscriptions.get(channel).cancel();
    return unsubscribed;
  }

  listen({channel}) {
    return this.subscribe({channel});
  }

  publish({channel, data}) {
    return answered(this.#client.publish(channel, data), {channel});
  }

  // What is published in one tick the library sends in one request.
  batch({messages}) {
    return Promise.all(messages.map((message) => this.publish(message)));
  }

  disconnect() {
    return answered(this.#client.disconnect(), {channel: "/meta/disconnect"});
  }

  #unsubscribed = () => {};

  #outgoing(message) {
    if (message.channel === "/meta/connect") {
      this.#transport = message.connectionType;
    }
    if (message.channel === "/meta/subscribe" && this.#together.includes(message.subscription)) {
      const [first] = this.#together;
      return message.subscription === first ? {...message, subscription: this.#together} : null;
    }
    return message;
  }

  #incoming(message) {
    const {channel} = message;
    if (channel === "/meta/handshake" || channel === "/meta/connect") {
      tell({event: channel.slice("/meta/".length), transport: this.#transport, failed: false, ...message});
    } else if (channel === "/meta/subscribe") {
      tell({event: "resubscribe", ...message});
    } else if (channel === "/meta/unsubscribe") {
      this.#unsubscribed(message);
    }
    return message;
  }
}

async function answered(deferred, reply) {
  try {
    await deferred;
    return {...reply, successful: true};
  } catch (error) {
    return {...reply, successful: false, error: `${error.code}:${error.params.join(",")}:${error.message}`};
  }
}

const conversation = new FayeConversation();
await obey((command) => conversation.ask(command));
