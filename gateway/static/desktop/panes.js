// The pane of one interaction: chat, e-mail or draft, with the operations that its capabilities allow.
//
// A pane is made once for an interaction and then kept up to date, so that what is being written stays.

import {customerOf, subjectOf} from "./desk.js";
import {button, form, labelled, make} from "/static/elements.js";

const TYPING_EVERY_MS = 3000;

/**
 * @typedef {object} Hands
 * @property {(operation: string, parameters?: object) => Promise<boolean>} perform true: it was taken; else it was told why not
 * @property {(operation: string, parameters?: object) => void} hint what nobody misses if it fails
 */

/** @returns the kind of pane that suits an interaction */
export function paneFor(item, hands) {
  if (item.channel === "chat") {
    return new ChatPane(item, hands);
  }
  return item.state === "Composing" ? new DraftPane(item, hands) : new EmailPane(item, hands);
}

class Pane {
  /** What of the interaction decides which pane it has. */
  kind;
  element = make("div");
  #actions = make("div", {className: "actions", role: "group", "aria-label": "What you can do"});
  #attached = make("dl", {className: "attached"});
  #allowed = "";

  /** @param {Hands} hands */
  constructor(item, {perform, hint}) {
    this.kind = kindOf(item);
    this.perform = perform;
    this.hint = hint;
  }

  /** Called by the kinds of panes when they are complete. */
  assemble(item, ...body) {
    const title = make("h2", {}, subjectOf(item));
    const attached = make("details", {}, make("summary", {}, "Attached data"), this.#attached);
    this.element.append(title, ...body, this.#actions, attached);
    this.update(item);
  }

  update(item) {
    const data = Object.entries(item.userData);
    const pairs = data.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, JSON.stringify(value))]);
    this.#attached.replaceChildren(...pairs);
    if (this.#allowed !== item.capabilities.join()) {
      this.#allowed = item.capabilities.join();
      this.#actions.replaceChildren(...this.actions(item));
    }
  }

  /** What can be done with any interaction. */
  actions({capabilities}) {
    const can = (operation) => capabilities.includes(operation);
    return [
      can("StopProcessing") ? button("Done", () => this.perform("StopProcessing")) : null,
      can("Transfer") ? this.#handOver("Transfer to agent", "Transfer", "agentId") : null,
      can("PlaceInQueue") ? this.#handOver("Put in queue", "PlaceInQueue", "queueName") : null,
    ].filter((each) => each !== null);
  }

  #handOver(text, operation, parameter) {
    const target = make("input", {required: true, autocapitalize: "none", spellcheck: false});
    const submit = () => this.perform(operation, {[parameter]: target.value.trim()});
    const [label, field] = labelled(text, target);
    return form(submit, {className: "hand-over"}, make("div", {}, label, field), make("button", {}, operation === "Transfer" ? "Transfer" : "Put"));
  }
}

class ChatPane extends Pane {
  #log = make("ol", {className: "transcript", role: "log", "aria-label": "Conversation", tabIndex: 0});
  #typing = make("p", {className: "quiet typing", role: "status"});
  #text = make("textarea", {rows: 2, required: true});
  #form;
  #last = 0;
  #typedAt = -Infinity;

  constructor(item, hands) {
    super(item, hands);
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#form.requestSubmit();
      }
    });
    this.#text.addEventListener("input", (event) => this.#tellTyping(event.timeStamp));
    this.#form = form(
      () => this.#say(), {className: "say"},
      make("div", {className: "grow"}, ...labelled("Your message", this.#text)),
      make("button", {className: "primary"}, "Send"),
    );
    this.assemble(item, this.#log, this.#typing, this.#form);
  }

  update(item) {
    super.update(item);
    const ids = [...item.events.keys()].filter((id) => id > this.#last).sort((one, other) => one - other);
    for (const id of ids) {
      const line = transcriptLine(item.events.get(id), item.parties);
      if (line !== null) {
        this.#log.append(line);
      }
      this.#last = id;
    }
    if (ids.length > 0) {
      this.#log.scrollTop = this.#log.scrollHeight;
    }
    const typing = [...item.typing].map((id) => item.parties.get(id)?.NickName).filter(Boolean);
    this.#typing.textContent = typing.length > 0 ? `${typing.join(", ")} is typing…` : "";
    this.#form.hidden = !item.capabilities.includes("Reply");
  }

  async #say() {
    const text = this.#text.value;
    this.#text.value = "";
    this.#typedAt = -Infinity;
    if (!(await this.perform("SendMessage", {text, clientMessageId: crypto.randomUUID()}))) {
      this.#text.value ||= text;
    }
  }

  #tellTyping(now) {
    if (now - this.#typedAt > TYPING_EVERY_MS) {
      this.#typedAt = now;
      this.hint("SendNotification", {notification: "TypingStarted"});
    }
  }
}

class EmailPane extends Pane {
  #text = make("div", {className: "letter", tabIndex: 0, role: "document", "aria-label": "Text of the e-mail"});
  #from = make("p", {className: "quiet"});

  constructor(item, hands) {
    super(item, hands);
    this.assemble(item, this.#from, this.#text);
  }

  update(item) {
    super.update(item);
    const {fromAddress, toAddress, text} = item.email_object ?? {};
    this.#from.textContent = `From ${fromAddress ?? customerOf(item)} to ${toAddress ?? item.userData.To ?? ""}`;
    this.#text.textContent = text ?? "";
    const names = item.userData._AttachmentFileNames;
    if (names) {
      this.#from.textContent += `, with ${names}`;
    }
  }

  actions(item) {
    const quoting = {quoteOriginal: true};
    const answers = item.capabilities.includes("Reply") ? [
      button("Reply", () => this.perform("Reply", quoting), "primary"),
      button("Reply to all", () => this.perform("ReplyAll", quoting)),
      button("Forward", () => this.perform("Forward")),
    ] : [];
    return [...answers, ...super.actions(item)];
  }
}

class DraftPane extends Pane {
  #to = make("input", {required: true, autocapitalize: "none", spellcheck: false});
  #cc = make("input", {autocapitalize: "none", spellcheck: false});
  #subject = make("input");
  #text = make("textarea", {rows: 12});

  constructor(item, hands) {
    super(item, hands);
    const {toAddress = "", ccAddress = "", subject = "", text = ""} = item.email_object ?? {};
    this.#to.value = toAddress;
    this.#cc.value = ccAddress;
    this.#subject.value = subject;
    this.#text.value = text;
    const fields = [
      ...labelled("To", this.#to), ...labelled("Copy to", this.#cc),
      ...labelled("Subject", this.#subject), ...labelled("Text", this.#text),
    ];
    const send = make("button", {className: "primary"}, "Send");
    const save = button("Save", () => this.perform("Save", this.#email));
    const drop = button("Discard", () => this.perform("CancelReply"));
    this.assemble(item, form(() => this.perform("Send", this.#email), {}, ...fields, make("div", {className: "bar"}, drop, save, send)));
  }

  get #email() {
    const several = ({value}) => value.split(",").map((each) => each.trim()).filter(Boolean);
    return {
      email: {
        to: several(this.#to),
        cc: several(this.#cc),
        subject: this.#subject.value,
        bodyAsPlainText: this.#text.value,
      },
    };
  }
}

/** Changes where another pane is needed. */
export function kindOf({id, channel, state}) {
  return `${id} ${channel} ${state === "Composing"}`;
}

function transcriptLine(event, parties) {
  const party = parties.get(event.UserId);
  const name = event.NickName ?? party?.NickName ?? "Somebody";
  const isHidden = event.Visibility === "Agents";
  const said = {
    NEW_MESSAGE: () => [make("span", {className: "speaker"}, isHidden ? `${name} (agents only)` : name), make("span", {className: "said"}, event.MessageText)],
    PARTY_JOINED: () => [make("span", {className: "quiet"}, `${name} joined`)],
    PARTY_LEFT: () => [make("span", {className: "quiet"}, `${name} left`)],
    NOTICE: () => [make("span", {className: "quiet"}, event.NoticeText ?? event.NoticeType)],
  }[event.MessageType]?.();
  return said ? make("li", {className: `line ${(party?.UserType ?? "System").toLowerCase()}${isHidden ? " hidden-line" : ""}`}, ...said) : null;
}
