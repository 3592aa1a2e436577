// What a reader says of an answer: thumbs, the answer that it should have been, the passage that holds it; and that it
// was copied.

import { fromTemplate, part, NO_SOURCE } from "./parts.js";
import { Problem } from "./problems.js";
import { say } from "./service.js";

const THANKS = "Thank you, it is kept.";

export class Feedback {
  constructor(answer, article) {
    this.answer = answer;
    this.shown = fromTemplate("feedback");
    this.copied = false;
    this.#take("up", "click", (event) => this.#rate(event.currentTarget, 1));
    this.#take("down", "click", (event) => this.#rate(event.currentTarget, -1));
    this.#take("correct", "click", () => this.#showCorrection(part(this.shown, "correction").hidden));
    this.#take("correction", "submit", (event) => this.#correct(event));
    this.#take("copy", "click", () => this.#copy());
    part(this.shown, "copy").hidden = answer.refused || !navigator.clipboard; // a page without TLS has none
    part(article, "claims").addEventListener("copy", () => this.#reportCopy());
  }

  // The chunk names the passage.
  takeRightPassage(found, chunk) {
    const button = part(found, "right");
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.disabled = await this.#say({ kind: "right-passage", passage: chunk }, part(found, "said"));
    });
  }

  async #rate(button, value) {
    if (button.getAttribute("aria-pressed") === "true") return;
    if (value < 0) this.#showCorrection(true);
    if (!(await this.#say({ kind: "rating", value }))) return;
    for (const name of ["up", "down"]) part(this.shown, name).setAttribute("aria-pressed", part(this.shown, name) === button);
  }

  #showCorrection(open) {
    part(this.shown, "correction").hidden = !open;
    part(this.shown, "correct").setAttribute("aria-expanded", open);
  }

  async #correct(event) {
    event.preventDefault();
    const send = event.currentTarget.querySelector("button");
    send.disabled = true; // until it is known: a second press would say it twice
    const kept = await this.#say({ kind: "correction", text: part(this.shown, "words").value });
    send.disabled = false;
    if (kept) this.#showCorrection(false);
  }

  async #copy() {
    const cited = this.answer.quotes.map(({ number, title, key, page }) =>
      `[${number}] ${title || key}${page ? `, page ${page}` : ""}, release ${this.answer.release}`);
    const claims = this.answer.claims.map(({ text, quotes, unsupported }) =>
      [text, ...(unsupported ? [NO_SOURCE] : quotes.map((number) => `[${number}]`))].join(" "));
    try {
      await navigator.clipboard.writeText([claims.join("\n"), ...cited].join("\n"));
    } catch {
      part(this.shown, "said").textContent = "The browser does not allow it: select the answer and copy it.";
      return;
    }
    part(this.shown, "said").textContent = "Copied.";
    this.#reportCopy();
  }

  #reportCopy() {
    if (!this.copied) say(this.answer.interaction, { kind: "copied" }).catch(() => {}); // the reader copies, and asked nothing
    this.copied = true;
  }

  #take(name, event, action) {
    part(this.shown, name).addEventListener(event, action);
  }

  // Whether it was kept; says so either way.
  async #say(said, place = part(this.shown, "said")) {
    place.textContent = "";
    try {
      await say(this.answer.interaction, said);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      place.textContent = `It could not be kept: ${problem.detail || "try again"}`;
      return false;
    }
    place.textContent = THANKS;
    return true;
  }
}
