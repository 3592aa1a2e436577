// The page: a question, its answer, and what stands in the way. What is asked stands in the address after the #, which
// no server sees; back and forward show the answers that this tab had.

import { Answer, closePassage } from "./answer.js";
import { element, count } from "./parts.js";
import { Problem, notice } from "./problems.js";
import { hideKeyForm, watchKeys } from "./key-form.js";
import { session } from "./reader.js";
import { answer, indexes } from "./service.js";

const at = (id) => document.getElementById(id);
const question = at("question");
const had = new Map(); // articles of answers, by what stood in the address
let known = []; // the indexes, as the service lists them
let listing = false;
let underway = null; // what aborts the answer under way

// Lists the indexes, then shows what the address asks for by then: somebody may have been quicker than the list.
async function start() {
  if (listing) return null;
  listing = true;
  try {
    known = await indexes();
  } catch (problem) {
    return troubled(problem, start);
  } finally {
    listing = false;
  }
  hideKeyForm();
  at("notice").replaceChildren();
  at("index").replaceChildren(...known.map(({ name }) => element("option", name, { value: name })));
  at("choice").hidden = known.length < 2;
  return follow();
}

// Shows what the address asks for.
function follow() {
  underway?.abort();
  const { index, question: words } = asked();
  const there = !index || known.some(({ name }) => name === index);
  if (index && there) at("index").value = index;
  describe();
  if (!there) return troubled(new Problem(404, { title: `There is no index “${index}” here` }));
  if (had.has(location.hash)) return show(had.get(location.hash));
  if (words && known.length) {
    if (!index) history.replaceState(null, "", fragmentOf(at("index").value, words)); // asked before any was listed
    return ask(at("index").value, words);
  }
  at("answer").replaceChildren();
  return question.focus();
}

function describe() {
  const chosen = known.find(({ name }) => name === at("index").value);
  document.title = chosen ? `${chosen.name} · Penstock` : "Penstock";
  at("about").textContent = chosen ? about(chosen) : "";
  at("notice").replaceChildren(...emptiness(chosen));
}

function about({ name, release, published_at, documents }) {
  if (release === null) return name;
  return [name, `release ${release}`, published_at && moment(published_at), count(documents, "document")]
    .filter(Boolean)
    .join(" · ");
}

function moment(published_at) {
  const date = new Date(typeof published_at === "number" ? published_at * 1000 : published_at);
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

function emptiness(index) {
  if (!index) return [calm("There is no index here yet", "As soon as one is configured and published, it can be asked.")];
  if (index.release === null)
    return [calm(`Nothing is published in ${index.name} yet`, "Its first release can be asked as soon as it has passed its gates.")];
  if (!index.documents) return [calm(`${index.name} is empty`, `Release ${index.release} holds no document.`)];
  return [];
}

function calm(title, detail) {
  const box = element("section", "", { class: "notice calm" });
  box.append(element("h2", title), element("p", detail));
  return box;
}

async function ask(index, words) {
  underway?.abort();
  const mine = (underway = new AbortController());
  const fragment = location.hash;
  const shown = new Answer(index, words);
  busy(true, `Searching ${index}…`);
  hideKeyForm();
  at("notice").replaceChildren();
  try {
    for await (const { name, data } of answer(index, words, mine.signal)) take(shown, name, data);
    had.set(fragment, shown.shown);
    busy(false, shown.summary());
    await renew(index, shown.release);
  } catch (error) {
    if (underway === mine) failed(error, shown, () => ask(index, words)); // else another question took its place
  }
}

function failed(error, shown, again) {
  const stopped = error.name === "AbortError";
  busy(false, stopped ? "Stopped." : "");
  if (stopped) shown.stopped();
  else if (shown.shown.isConnected) shown.failed(problemOf(error), again);
  else {
    const before = at("answer").firstElementChild;
    if (before && before.dataset.index !== shown.index) before.remove(); // another index's is no context of this one
    troubled(error, again);
  }
}

// A release that was published since the index was listed.
async function renew(index, release) {
  if (known.find(({ name }) => name === index)?.release === release) return;
  known = await indexes().catch(() => known); // the answer is there, whatever became of the listing
  describe();
}

// An event of an answer. The answer before stays until the first one comes.
function take(shown, name, data) {
  if (name === "reading") {
    at("answer").replaceChildren(shown.shown);
    at("status").textContent = `Reading ${count(data.passages.length, "passage")}…`;
    shown.reading(data);
  }
  if (name === "claim") shown.claim(data);
  if (name === "ended") shown.ended(data);
}

function show(article) {
  busy(false, "");
  at("answer").replaceChildren(article);
}

function busy(is, words) {
  if (!is) underway = null;
  at("progress").classList.toggle("busy", is);
  at("stop").hidden = !is;
  at("status").textContent = words;
}

// Asking for a key says what is wrong where that is what is missing.
function troubled(error, again) {
  const problem = problemOf(error);
  at("notice").replaceChildren(...(problem.kind === 401 ? [] : [notice(problem, again)]));
}

// Whatever else is thrown, it was an answer of a shape that this page does not know.
function problemOf(error) {
  if (error instanceof Problem) return error;
  console.error(error);
  return new Problem("unreadable");
}

// As another reader: what the one before was shown is not this one's.
function anew() {
  underway?.abort();
  had.clear();
  known = [];
  at("choice").hidden = true;
  at("about").textContent = "";
  at("about-session").open = false;
  at("answer").replaceChildren();
  start();
}

function submit(event) {
  event.preventDefault();
  const words = question.value.trim();
  if (!words) return null;
  const fragment = fragmentOf(known.length ? at("index").value : asked().index, words);
  if (underway && location.hash === fragment) return null; // pressed twice
  if (location.hash !== fragment) history.pushState(null, "", fragment);
  return known.length ? ask(at("index").value, words) : start();
}

function fragmentOf(index, words) {
  return `#${new URLSearchParams({ index: index ?? "", q: words })}`;
}

function asked() {
  const said = new URLSearchParams(location.hash.slice(1));
  return { index: said.get("index"), question: said.get("q") ?? "" };
}

function fill() {
  question.value = asked().question;
  fit();
}

function fit() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight}px`;
}

function pressed(event) {
  if (event.isComposing) return; // an input method takes its keys for itself
  const typing = event.target.matches("input, textarea, select");
  if (event.key === "Escape") closeNearest(event.target);
  if (event.key === "Enter" && !event.shiftKey && event.target === question) submit(event);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    question.select();
  }
}

function closeNearest(target) {
  const claim = target.closest(".claim") ?? [...document.querySelectorAll(".claim:has(.passage)")].at(-1);
  if (claim) closePassage(claim);
}

at("ask").addEventListener("submit", submit);
at("index").addEventListener("change", describe);
at("stop").addEventListener("click", () => underway?.abort());
question.addEventListener("input", fit);
document.addEventListener("keydown", pressed);
window.addEventListener("popstate", () => {
  fill();
  follow();
});
at("about-session").addEventListener("toggle", () => {
  at("session").textContent = session();
});
watchKeys(anew);
fill();
start();
