// What an agent has on his desk: made from notifications and snapshots, without a page or a clock.
//
// A notification is the whole interaction, but for chat events, of which it has only new ones (AG-50); those are put
// together here by their EventId, so that a snapshot and what is notified meanwhile may come in any order (AG-57).

const OVER = new Set(["Rejected", "Revoked", "Completed", "Transferred", "Placed", "InWorkbin"]);
const SECONDS_TO_ACCEPT = 30; // of what a snapshot shows: only notifications tell
const TYPING = {TYPING_STARTED: true, TYPING_STOPPED: false};

/**
 * @typedef {object} Item an interaction as dialect A shows it, with
 * @property {Map<number, object>} events of its chat, by EventId
 * @property {Map<string, object>} parties who was introduced, by UserId
 * @property {Set<string>} typing UserIds
 * @property {number} unread messages that came while another item was shown
 * @property {number} until when an invitation ends, in milliseconds of the page's clock
 */

export class Desk {
  /** @type {Map<string, Item>} in the order of arrival */
  items = new Map();
  /** @type {Map<string, object>} userState by media channel */
  channels = new Map();
  /** @type {string|null} id of the item that is shown */
  shown = null;

  #told = new Map(); // id → how many notifications there were of it

  /**
   * Takes one `InteractionStateMessage`.
   * @param {object} gw the gateway's additions, with which it tells reasons, and how long an invitation stands
   * @param {number} now milliseconds
   * @returns {Item|null} the item if this was its end
   */
  notified(data, gw, now) {
    this.#told.set(data.id, (this.#told.get(data.id) ?? 0) + 1);
    if (OVER.has(data.state)) {
      const item = this.items.get(data.id);
      this.items.delete(data.id);
      this.shown = this.shown === data.id ? null : this.shown;
      return item ? {...item, state: data.state} : null;
    }
    this.#put(data, gw, now);
    return null;
  }

  /** To be called before a snapshot is asked for; gives what `snapshot` has to be given. */
  mark() {
    return new Map(this.#told);
  }

  /**
   * Takes all that the agent has. What was notified since the mark is newer than the snapshot, but for chat events.
   * @param {object[]} interactions
   * @param {Map<string, number>} mark
   */
  snapshot(interactions, mark, now) {
    const isNewer = (id) => this.#told.get(id) !== mark.get(id);
    const ids = new Set(interactions.map(({id}) => id));
    for (const id of [...this.items.keys()]) {
      if (!ids.has(id) && !isNewer(id)) {
        this.items.delete(id);
      }
    }
    for (const data of interactions) {
      const known = this.items.get(data.id);
      if (!isNewer(data.id)) {
        this.#put(data, {}, now);
      } else if (known) {
        this.#hear(known, data.chat_notifications ?? []);
      }
    }
    this.shown = this.items.has(this.shown) ? this.shown : null;
  }

  /** Takes states of media channels, from a notification or an answer. */
  channelsChanged(channels) {
    for (const {channel, userState} of channels) {
      this.channels.set(channel, userState);
    }
  }

  /** Chooses what is shown. */
  show(id) {
    this.shown = id;
    const item = this.items.get(id);
    if (item) {
      item.unread = 0;
    }
  }

  get invitations() {
    return [...this.items.values()].filter(({state}) => state === "Invited");
  }

  get work() {
    return [...this.items.values()].filter(({state}) => state !== "Invited");
  }

  #put(data, gw, now) {
    const known = this.items.get(data.id);
    const isNewlyInvited = data.state === "Invited" && known?.state !== "Invited";
    const seconds = gw.acceptWithin ?? SECONDS_TO_ACCEPT;
    const item = {
      ...data,
      events: known?.events ?? new Map(),
      parties: known?.parties ?? new Map(),
      typing: known?.typing ?? new Set(),
      unread: known?.unread ?? 0,
      until: isNewlyInvited ? now + 1000 * seconds : known?.until ?? now,
    };
    this.items.set(data.id, item);
    this.#hear(item, data.chat_notifications ?? []);
  }

  #hear(item, events) {
    for (const event of events) {
      if (event.NoticeType in TYPING) {
        item.typing[TYPING[event.NoticeType] ? "add" : "delete"](event.UserId);
        continue;
      }
      item.typing.delete(event.UserId);
      if (event.MessageType === "PARTY_JOINED") {
        item.parties.set(event.UserId, event);
      }
      if (!item.events.has(event.EventId)) {
        item.events.set(event.EventId, event);
        item.unread += event.MessageType === "NEW_MESSAGE" && item.id !== this.shown ? 1 : 0;
      }
    }
  }
}

/** Who a customer is, in a word. */
export function customerOf({userData, parties, email_object: email}) {
  const client = [...parties.values()].find(({UserType}) => UserType === "Client");
  return client?.NickName || userData.FromPersonal || userData.FromAddress || email?.fromAddress || userData.EmailAddress || "Customer";
}

/** What it is about. */
export function subjectOf({userData, email_object: email}) {
  return email?.subject || userData.Subject || "(no subject)";
}
