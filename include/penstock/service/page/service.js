// The service's HTTP interface. Everything here raises a Problem, or an AbortError where the signal says so.

import { events } from "./events.js";
import { Problem } from "./problems.js";
import { key, session } from "./reader.js";

export async function indexes() {
  return (await read(await request("v1/indexes"))).indexes;
}

// Whether the service answers who shows no key.
export async function isOpen() {
  return (await fetch("v1/indexes", { cache: "no-store" }).catch(() => null))?.ok ?? false;
}

// The events of an answer, "ended" the last. A stream that is over before it is one that broke off.
export async function* answer(index, question, signal) {
  const body = { question, session: session(), stream: true };
  const response = await request(`v1/indexes/${encodeURIComponent(index)}/answer`, body, signal);
  if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) throw new Problem("unreadable");
  for await (const { name, data } of received(response)) {
    if (name === "problem") throw new Problem(data.status, data);
    yield { name, data };
    if (name === "ended") return;
  }
  throw new Problem("broken-off");
}

export async function say(interaction, said) {
  return read(await request("v1/feedback", { interaction, session: session(), ...said }));
}

async function request(path, body, signal) {
  const headers = key() ? { Authorization: `Bearer ${key()}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const options = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store" };
  const response = await fetch(path, options).catch((error) => fail(error, "unreachable"));
  if (!response.ok) throw await refused(response);
  return response;
}

async function refused(response) {
  const problem = await Problem.of(response);
  if (problem.kind === 401) window.dispatchEvent(new CustomEvent("key-needed", { detail: problem }));
  return problem;
}

async function read(response) {
  return response.json().catch((error) => fail(error, "unreadable"));
}

async function* received(response) {
  try {
    yield* events(response.body);
  } catch (error) {
    fail(error, error instanceof SyntaxError ? "unreadable" : "broken-off");
  }
}

function fail(error, kind) {
  throw error.name === "AbortError" ? error : new Problem(kind);
}
