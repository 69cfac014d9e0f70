// One Bayeux connection of the page, over npm `cometd`; knows nothing of what is shown.
//
// Keeps its subscriptions and makes them again after every handshake. Tells its owner, through the
// functions it is given, what a person would want to know.

import {CometD} from "/static/vendor/cometd/cometd.js";

const TRANSPORTS = ["websocket", "long-polling"];

/**
 * @typedef {object} Owner
 * @property {(state: "trying" | "on" | "off", transport: string | null) => void} onState
 * @property {(message: {channel: string, data: unknown, ext?: object}) => void} onMessage
 * @property {() => void} [onWatching] all channels are subscribed to, for the first time or after a new handshake
 * @property {(error: string) => void} onRefused the channel can't be watched
 * @property {(error: string) => void} onEnded the server sent us away; nothing more will be tried
 */

export class Connection {
  #cometd = new CometD();
  #owner;
  #channels = [];

  /**
   * @param {string} url of the Bayeux endpoint
   * @param {Owner} owner
   * @param {string} transport the only one to use; empty = the best that works
   */
  constructor(url, owner, transport = "") {
    this.#owner = owner;
    for (const name of this.#cometd.getTransportTypes()) {
      if (!TRANSPORTS.includes(name) || (transport && name !== transport)) {
        this.#cometd.unregisterTransport(name);
      }
    }
    // The library's scheduler is a worker made from a blob, which the Content-Security-Policy forbids.
    this.#cometd.configure({url: new URL(url, location.href).href, useWorkerScheduler: false, logLevel: "warn"});
    this.#cometd.addListener("/meta/handshake", (reply) => this.#handshaken(reply));
    this.#cometd.addListener("/meta/connect", (reply) => this.#tellState(reply.successful));
  }

  /**
   * @param {string[]} channels names or patterns, watched from the handshake on
   * @param {object} ext for the handshake
   */
  open(channels, ext = {}) {
    this.#channels = channels;
    this.#owner.onState("trying", null);
    this.#cometd.handshake({ext});
  }

  /**
   * Publishes one message.
   * @returns {Promise<string>} the server's error, empty if it took the message
   */
  publish(channel, data) {
    return new Promise((resolve) => {
      this.#cometd.publish(channel, data, undefined, (reply) => resolve(reply.successful ? "" : errorOf(reply)));
    });
  }

  /** Ends the session; nothing is told any more. */
  close() {
    this.#owner = {onState() {}, onMessage() {}, onRefused() {}, onEnded() {}};
    this.#cometd.disconnect();
  }

  #handshaken(reply) {
    if (reply.successful) {
      this.#subscribe();
    } else if (reply.advice?.reconnect === "none") {
      this.#owner.onEnded(errorOf(reply));
    } else {
      this.#tellState(false);
    }
  }

  #subscribe() {
    let missing = this.#channels.length;
    for (const channel of this.#channels) {
      try {
        this.#cometd.subscribe(channel, (message) => this.#owner.onMessage(message), undefined, (answer) => {
          if (!answer.successful) {
            this.#owner.onRefused(errorOf(answer));
          } else if (--missing === 0) {
            this.#owner.onWatching?.();
          }
        });
      } catch (error) {
        this.#owner.onRefused(error.message); // the library knows what a channel's name looks like
      }
    }
  }

  #tellState(connected) {
    const transport = this.#cometd.getTransport()?.type ?? null;
    this.#owner.onState(this.#cometd.isDisconnected() ? "off" : connected ? "on" : "trying", transport);
  }
}

function errorOf({error, failure}) {
  return error ?? failure?.error ?? failure?.reason ?? "the connection was lost";
}
