// Elements made from the templates of index.html. Text goes in as text alone: what a document holds is never markup.

export const NO_SOURCE = "[no source]"; // as the service marks a claim that no source supports in an answer's text

export function fromTemplate(name) {
  return document.getElementById(`template-${name}`).content.firstElementChild.cloneNode(true);
}

export function part(element, name) {
  return element.querySelector(`[data-part="${name}"]`);
}

export function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

// The service's words begin small, as in a log; here they stand by themselves.
export function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
