// One answer as it comes: claims with numbered citations that open their passage in place, or an honest "not in the index".

import { Feedback } from "./feedback.js";
import { fromTemplate, part, element, count, sentence, NO_SOURCE } from "./parts.js";
import { bringToView, describe, heading, opened } from "./passage.js";
import { notice } from "./problems.js";

const CITATIONS_SHOWN = 12;
const READ = "Read for this";
const BESIDE = "outside of the claims"; // as the service counts sentences that are no part of a claim
let panels = 0;

export class Answer {
  constructor(index, question) {
    this.index = index;
    this.shown = fromTemplate("answer");
    this.shown.dataset.index = index;
    part(this.shown, "question").textContent = question;
    this.passages = [];
    this.quotes = new Map(); // by number: of all claims so far
  }

  reading({ release, passages }) {
    this.release = release;
    this.passages = passages;
  }

  claim({ claim, quotes }) {
    for (const quote of quotes) this.quotes.set(quote.number, quote);
    const shown = fromTemplate("claim");
    const text = part(shown, "text");
    text.textContent = claim.text;
    text.append(...this.#citations(shown, quotes));
    if (claim.unsupported) {
      shown.classList.add("unsupported");
      text.append(" ", element("span", NO_SOURCE, { class: "flag" }));
    }
    part(this.shown, "claims").append(shown);
  }

  ended(answer) {
    if (answer.refused) this.#refused(answer.reason);
    if (answer.broken_off) this.#outcome("The answer broke off", `${sentence(answer.broken_off)}. What had come is shown.`);
    const { [BESIDE]: beside = 0, ...quotes } = answer.dropped;
    const dropped = Object.values(quotes).reduce((sum, number) => sum + number, 0);
    this.#foot([
      answer.generator,
      dropped && `${count(dropped, "quote")} left out: not in the source`,
      beside && `${count(beside, "sentence")} left out: no part of a claim`,
    ]);
    const feedback = answer.interaction ? new Feedback(answer, this.shown) : null;
    part(this.shown, "feedback").replaceWith(feedback?.shown ?? unrecorded());
    this.#found(answer.refused ? "Nearest in the index" : READ, answer.refused || answer.broken_off, feedback);
  }

  failed(problem, again) {
    part(this.shown, "outcome").replaceChildren(notice(problem, again));
    this.#foot([]);
    this.#found(READ, true);
  }

  stopped() {
    this.#outcome("You stopped this answer", "What had come is shown.");
    this.#foot([]);
    this.#found(READ, false);
  }

  summary() {
    const claims = part(this.shown, "claims").childElementCount;
    return claims ? `${count(claims, "statement")}, ${count(this.quotes.size, "citation")}` : "";
  }

  #refused(reason) {
    this.#outcome("Not in the index", `Release ${this.release} of ${this.index} does not answer this: ${reason}.`);
  }

  #outcome(title, detail) {
    const box = element("section", "", { class: "notice calm" });
    box.append(element("h2", title), element("p", detail, { dir: "auto" }));
    part(this.shown, "outcome").append(box);
  }

  #foot(more) {
    const words = [`From release ${this.release} of ${this.index}`, ...more].filter(Boolean);
    part(this.shown, "foot").textContent = words.join(" · ");
  }

  // Hundreds of citations are a wall of numbers: the first are shown, the others on demand.
  #citations(claim, quotes) {
    const buttons = quotes.map((quote) => this.#citation(claim, quote));
    const later = buttons.slice(CITATIONS_SHOWN);
    const spaced = buttons.slice(0, CITATIONS_SHOWN).flatMap((button) => [" ", button]);
    if (!later.length) return spaced;
    const more = element("button", `+ ${later.length} more`, { type: "button", class: "cite" });
    more.addEventListener("click", () => {
      more.replaceWith(...later.flatMap((button) => [button, " "]));
      later[0].focus();
    });
    return [...spaced, " ", more];
  }

  #citation(claim, quote) {
    const label = `Source ${quote.number}: ${heading(quote)}`;
    const button = element("button", quote.number, { type: "button", class: "cite", "aria-expanded": "false", title: label });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => {
      const close = button.getAttribute("aria-expanded") === "true";
      closePassage(claim);
      if (!close) this.#open(claim, button, quote);
    });
    return button;
  }

  #open(claim, button, quote) {
    const passage = this.passages[quote.passage];
    const ofPassage = [...this.quotes.values()].filter((one) => one.passage === quote.passage);
    const panel = opened(passage, ofPassage, quote, `release ${this.release}`, () => closePassage(claim));
    panel.id = `passage-${++panels}`;
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", panel.id);
    part(claim, "opened").replaceChildren(panel);
    bringToView(panel);
  }

  #found(what, open, feedback = null) {
    if (!this.passages.length) return;
    const found = part(this.shown, "found");
    found.hidden = false;
    found.open = open;
    found.querySelector("summary").textContent = `${what}: ${count(this.passages.length, "passage")}`;
    found.querySelector("ol").replaceChildren(...this.passages.map((passage) => nearest(passage, feedback)));
  }
}

// Closes what is open under a claim; the focus, where it was in there, goes back to the citation.
export function closePassage(claim) {
  const button = claim.querySelector('.cite[aria-expanded="true"]');
  if (!button) return;
  const panel = part(claim, "opened");
  if (panel.contains(document.activeElement)) button.focus();
  button.setAttribute("aria-expanded", "false");
  button.removeAttribute("aria-controls");
  panel.replaceChildren();
}

function nearest(passage, feedback) {
  const shown = fromTemplate("found");
  describe(shown, passage);
  part(shown, "text").textContent = passage.text;
  if (feedback && passage.chunks.length) feedback.takeRightPassage(shown, passage.chunks[0]);
  return shown;
}

function unrecorded() {
  return element("p", "This answer could not be recorded, so nothing can be said of it.", { class: "quiet" });
}
