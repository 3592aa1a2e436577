// The form for a key. It is shown where the service says that it needs one, or another one, and to who has one to use.

import { key, keepKey } from "./reader.js";
import { sentence } from "./parts.js";
import { isOpen } from "./service.js";

const at = (id) => document.getElementById(id);
const KEY = /^[\x21-\x7e]+$/; // what a header can hold

// `anew` is called as soon as the page has another reader.
export function watchKeys(anew) {
  window.addEventListener("key-needed", ({ detail: problem }) => show(problem));
  at("key-form").addEventListener("submit", (event) => use(event, anew));
  at("key").addEventListener("input", () => at("key").setCustomValidity(""));
  at("give-key").addEventListener("click", offer);
  at("without-key").addEventListener("click", () => (key() ? change(null, anew) : hideKeyForm()));
  at("forget-key").addEventListener("click", () => change(null, anew));
}

export function hideKeyForm() {
  at("key-form").hidden = true;
  at("forget-key").hidden = !key();
  at("give-key").hidden = Boolean(key());
}

// Where the service answers those who have no key, a key may show more.
function offer() {
  open("Use a key", "It shows what it may read, beside what is public.", false);
}

function show(problem) {
  open(key() ? "Your key is not accepted" : "This service asks for a key", problem.detail, true);
  offerNone();
}

function open(title, detail, needed) {
  at("key-title").textContent = title;
  at("key-detail").textContent = sentence(detail);
  at("without-key").hidden = needed;
  at("give-key").hidden = true;
  at("key").value = "";
  at("key-form").hidden = false;
  at("key").focus();
}

// Going on without a key is offered to whom it helps: who has one, where the service answers those who have none.
async function offerNone() {
  if (key() && (await isOpen())) at("without-key").hidden = false;
}

function use(event, anew) {
  event.preventDefault();
  const given = at("key").value.trim();
  at("key").setCustomValidity(KEY.test(given) ? "" : "A key is letters, digits and signs, without spaces.");
  if (at("key").reportValidity()) change(given, anew);
}

function change(given, anew) {
  keepKey(given);
  hideKeyForm();
  anew();
}
