// One chat as its customer sees it: put together from notices and answers, in whatever order and however often they
// come, without a page or a clock.

const TYPING = {"Notice.TypingStarted": true, "Notice.TypingStopped": false};

/**
 * @typedef {object} Line what stays in the transcript
 * @property {string} type as `Message.Text`, `Notice.Joined`
 * @property {string} name who
 * @property {string} text
 * @property {"CLIENT"|"AGENT"|"EXTERNAL"} party
 */

export class Talk {
  /** @type {Map<number, Line>} by position, from 1 on without gaps */
  lines = new Map();
  /** Names of those who type. @type {Set<string>} */
  typing = new Set();
  isOver = false;

  /** The last position; what came after it can be asked for. */
  get position() {
    return Math.max(0, ...this.lines.keys());
  }

  /** Names of the agents who are in the chat. */
  get agents() {
    const names = new Set();
    for (const [, {type, name, party}] of this.ordered) {
      if (party === "AGENT" && type === "Notice.Joined") {
        names.add(name);
      } else if (party === "AGENT" && type === "Notice.Left") {
        names.delete(name);
      }
    }
    return names;
  }

  /** @returns {[number, Line][]} */
  get ordered() {
    return [...this.lines].sort(([one], [other]) => one - other);
  }

  /** Takes the message of a notice, or an answer: both say after which position their last entry stands. */
  take({transcriptPosition, transcriptToShow = [], chatIxnState}) {
    const entries = transcriptToShow.map(([type, name, text, , party]) => ({type, name, text, party}));
    const kept = entries.filter(({type}) => !(type in TYPING));
    const first = Number(transcriptPosition) - kept.length + 1;
    kept.forEach((line, index) => {
      if (!this.lines.has(first + index)) {
        this.lines.set(first + index, line);
      }
    });
    for (const {type, name, party} of entries) {
      if (party !== "CLIENT") {
        this.typing[TYPING[type] ? "add" : "delete"](name); // who has said something, or left, types no more
      }
    }
    this.isOver ||= chatIxnState === "DISCONNECTED";
  }
}
