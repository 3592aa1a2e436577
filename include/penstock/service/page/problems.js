// What can go wrong, in plain words with what to do. The service's own words are the `detail` of its problem document
// (RFC 9457).

import { fromTemplate, part, element, count, sentence } from "./parts.js";

const WORDS = {
  403: ["Your key does not allow this", ""],
  410: ["This release is gone", "Ask again: the live release answers."],
  413: ["The question is too long", "Shorten it and ask again."],
  422: ["The service cannot take this question", "Change it and ask again."],
  429: ["Too many questions at once", ""],
  503: ["The service cannot answer just now", ""],
  504: ["The answer took too long", "Try again, or ask for less at once."],
  unreachable: ["The service cannot be reached", "Check your connection, then try again."],
  "broken-off": ["The answer broke off", "What had come is shown. Try again for the rest."],
  unreadable: ["The service sent something that this page cannot read", ""],
};
const FINAL = new Set([400, 403, 404, 413, 415, 422]); // the same again would be refused again

export class Problem extends Error {
  constructor(kind, { title = "", detail = "", errors = [], instance = "" } = {}, wait_s = null) {
    super(detail || title || String(kind));
    Object.assign(this, { kind, title, detail, instance, wait_s, errors: Array.isArray(errors) ? errors : [] });
  }

  // A response that is not 2xx; of one that is no problem document (a proxy's page) only the status is believed.
  static async of(response) {
    const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
    const said = isProblem ? await response.json().catch(() => null) : null;
    return new Problem(response.status, said ?? {}, waiting(response.headers.get("Retry-After")));
  }
}

export function notice(problem, again = null) {
  const shown = fromTemplate("notice");
  const final = FINAL.has(problem.kind);
  const [title, advice] = WORDS[problem.kind] ?? [problem.title || `The service failed (${problem.kind})`, ""];
  part(shown, "title").textContent = title;
  part(shown, "detail").textContent = problem.errors.length ? "" : sentence(problem.detail);
  part(shown, "errors").append(...problem.errors.map(({ at, problem: what }) => element("li", `${at}: ${what}`)));
  part(shown, "errors").hidden = !problem.errors.length;
  part(shown, "advice").textContent = problem.wait_s ? `Try again in ${count(problem.wait_s, "second")}.` : advice;
  part(shown, "instance").textContent = problem.kind >= 500 ? problem.instance : ""; // what the log knows it by
  if (again && !final) offer(part(shown, "again"), again);
  return shown;
}

function offer(button, again) {
  button.hidden = false;
  button.addEventListener("click", again);
}

// Seconds of a Retry-After header, which holds seconds or a date.
function waiting(header) {
  if (!header) return null;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds) : null;
}
