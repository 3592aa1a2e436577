// What this tab knows of its reader: the key, and a random name for the session that interactions are grouped by.

const KEY = "penstock.key";
const SESSION = "penstock.session";
const withoutStorage = new Map(); // where the browser forbids storage, this page load is the session

export const key = () => read(KEY);

// With another key, or none, it is another reader, and another session.
export function keepKey(value) {
  write(KEY, value);
  write(SESSION, null);
}

export function session() {
  if (!read(SESSION)) write(SESSION, randomName());
  return read(SESSION);
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is missing where the page came without TLS
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function read(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return withoutStorage.get(name) ?? null;
  }
}

function write(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, value);
  } catch {
    withoutStorage.set(name, value);
  }
}
