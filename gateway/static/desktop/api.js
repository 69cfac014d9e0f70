// The agent API as this page uses it: JSON in, JSON out, the token against other sites' pages shown with each change.
//
// The cookie of the first answer is the sign-in; the browser keeps it and we never see it.

const ROOT = "/api/v2";
const PARTLY_DONE = 7;
const NOT_SIGNED_IN = 20;

export class ApiError extends Error {
  /** @param {number} statusCode of the answer's envelope; 0: there was no answer */
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }

  get isSignedOut() {
    return this.statusCode === NOT_SIGNED_IN;
  }
}

export class Api {
  #token = null;

  /** Who the credentials are; from here on the cookie is enough. Throws ApiError. */
  async signIn(user, password) {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    return this.get("/me", {Authorization: `Basic ${btoa(String.fromCharCode(...bytes))}`});
  }

  /** Throws ApiError. */
  get(path, headers = {}) {
    return this.#ask(path, {headers});
  }

  /**
   * Does one operation.
   * @param {object} parameters of the operation, without its name
   * @returns the answer; of what was partly done, too. Throws ApiError.
   */
  async post(path, operationName, parameters = {}) {
    const body = JSON.stringify({operationName, ...parameters});
    if (this.#token === null) {
      await this.get("/me"); // after a reload: the token comes with any answer to a GET
    }
    const [name, value] = this.#token ?? [];
    return this.#ask(path, {
      method: "POST",
      body,
      headers: {"Content-Type": "application/json", ...(name ? {[name]: value} : {})},
    });
  }

  async #ask(path, request) {
    const answer = await fetch(ROOT + path, request).catch(() => null);
    if (answer === null) {
      throw new ApiError(0, "The gateway cannot be reached.");
    }
    const name = answer.headers.get("X-CSRF-HEADER");
    if (name !== null) {
      this.#token = [name, answer.headers.get(name)];
    }
    const body = await answer.json().catch(() => ({statusCode: 4, statusMessage: `The gateway answered ${answer.status}.`}));
    if (body.statusCode !== 0 && body.statusCode !== PARTLY_DONE) {
      throw new ApiError(body.statusCode, body.statusMessage);
    }
    return body;
  }
}
