// Invitations with their countdowns, and what the agent has in hand.

import {customerOf, subjectOf} from "./desk.js";
import {button, make} from "/static/elements.js";

export class Invitations {
  #place;
  #empty;
  #onAnswer;
  #cards = new Map();

  /** @param {(id: string, operation: "Accept"|"Reject") => void} onAnswer */
  constructor(place, empty, onAnswer) {
    this.#place = place;
    this.#empty = empty;
    this.#onAnswer = onAnswer;
  }

  /** Cards stay the elements they are, so that focus stays, and only new ones are announced. */
  show(items) {
    const ids = new Set(items.map(({id}) => id));
    for (const [id, {card}] of [...this.#cards]) {
      if (!ids.has(id)) {
        card.remove();
        this.#cards.delete(id);
      }
    }
    for (const item of items) {
      const known = this.#cards.get(item.id);
      if (known) {
        known.until = item.until;
      } else {
        this.#add(item);
      }
    }
    this.#empty.hidden = items.length > 0;
  }

  /** Shows what is left of each, at this moment in milliseconds. */
  tick(now) {
    for (const {until, left} of this.#cards.values()) {
      const seconds = Math.max(0, Math.ceil((until - now) / 1000));
      const text = `${seconds} s`;
      if (left.textContent !== text) {
        left.textContent = text;
        left.dataset.urgent = String(seconds <= 5);
      }
    }
  }

  #add(item) {
    const left = make("span", {className: "left", role: "timer", "aria-live": "off", "aria-label": "Time left"});
    const title = make("p", {}, make("strong", {}, `${item.channel}: ${subjectOf(item)}`), " ", left);
    const from = make("p", {className: "quiet"}, `${customerOf(item)}, from ${item.currentQueue}`);
    const accept = button("Accept", () => this.#onAnswer(item.id, "Accept"), "primary");
    const reject = button("Reject", () => this.#onAnswer(item.id, "Reject"));
    const card = make(
      "article",
      {className: "card invitation", "aria-label": `Invitation to ${item.channel}: ${subjectOf(item)}`},
      title, from, make("div", {className: "bar"}, reject, accept),
    );
    this.#cards.set(item.id, {card, left, until: item.until});
    this.#place.append(card);
  }
}

export class Work {
  #place;
  #empty;
  #onChoose;

  /** @param {(id: string) => void} onChoose */
  constructor(place, empty, onChoose) {
    this.#place = place;
    this.#empty = empty;
    this.#onChoose = onChoose;
  }

  show(items, shown) {
    const focused = document.activeElement?.dataset.id;
    this.#place.replaceChildren(...items.map((item) => make("li", {}, this.#entry(item, item.id === shown))));
    if (focused) {
      this.#place.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    }
    this.#empty.hidden = items.length > 0;
  }

  #entry(item, isShown) {
    const made = button("", () => this.#onChoose(item.id));
    made.dataset.id = item.id;
    if (isShown) {
      made.setAttribute("aria-current", "true");
    }
    const kind = item.state === "Composing" ? "draft" : item.channel;
    made.append(
      make("span", {className: "kind"}, kind), " ", make("span", {className: "about"}, subjectOf(item)), " ",
      item.unread ? make("span", {className: "unread"}, `${item.unread} new`) : "",
    );
    return made;
  }
}
