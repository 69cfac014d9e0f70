// What a customer's app asks by REST: forms in, JSON out, the header `gms_user` with each request.

const ROOT = "/genesys/1";
const PATIENCE_MS = 15000;

export class RequestFailed extends Error {
  /** @param {number} status of the answer; 0: there was none, and nobody knows whether the request was done */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** One user. Everything throws RequestFailed. */
export class Customer {
  #user;

  constructor(user) {
    this.#user = user;
  }

  /** Starts a callback service; gives its dialog. The user is told on `/_genesys` of what comes of it. */
  start(service, parameters) {
    const device = {_device_os: "comet", _device_notification_id: this.#user};
    return this.#post(`/service/callback/${service}`, {...parameters, ...device});
  }

  /** The place in the queue. */
  place(id) {
    return this.#post(`/service/${id}/check-queue-position`);
  }

  /** The customer is there; gives the dialog of the chat. */
  connect(id) {
    return this.#post(`/service/${id}/connect`);
  }

  /** The customer does not want it any more. */
  withdraw(id) {
    return this.#post(`/service/${id}/disconnect`);
  }

  /** What is known of a callback, undefined if nothing is. */
  async record(id) {
    const [record] = await this.#ask(`/service/callback?_id=${id}`);
    return record;
  }

  /** Begins the chat, or goes on with the one that has begun; what happens in it is told on `/_genesys`. */
  beginChat(id, parameters) {
    return this.#post(`/service/${id}/ixn/chat`, {...parameters, notify_by: "comet", _verbose: "false"});
  }

  say(id, message) {
    return this.#post(`/service/${id}/ixn/chat/send`, {message});
  }

  /** What came after a position of the chat; 0: all of it. */
  refresh(id, position) {
    return this.#post(`/service/${id}/ixn/chat/refresh`, {transcriptPosition: String(position)});
  }

  startTyping(id) {
    return this.#post(`/service/${id}/ixn/chat/startTyping`);
  }

  stopTyping(id) {
    return this.#post(`/service/${id}/ixn/chat/stopTyping`);
  }

  leave(id) {
    return this.#post(`/service/${id}/ixn/chat/disconnect`);
  }

  #post(path, parameters = {}) {
    return this.#ask(path, {method: "POST", body: new URLSearchParams(parameters)});
  }

  async #ask(path, request = {}) {
    const headers = {gms_user: this.#user};
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(ROOT + path, {...request, headers, signal}).catch(() => null);
    if (answer === null) {
      throw new RequestFailed(0, "The gateway cannot be reached.");
    }
    const body = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      throw new RequestFailed(answer.status, body.message ?? `The gateway answered ${answer.status}.`);
    }
    return body;
  }
}
