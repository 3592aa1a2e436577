// A passage, with the quoted spans marked.

import { fromTemplate, part, element } from "./parts.js";

export function opened(passage, quotes, current, release, close) {
  const shown = fromTemplate("passage");
  describe(shown, passage, current.page, release);
  shown.setAttribute("aria-label", `Source ${current.number}`);
  const spans = quotes.map((quote) => spanOf(quote, passage, quote === current));
  part(shown, "lost").hidden = spans.some((span) => span.current && stands(span, passage));
  part(shown, "text").append(...marked(passage.text, spans.filter((span) => stands(span, passage))));
  part(shown, "close").addEventListener("click", close);
  return shown;
}

// Scrolls the passage's own text; the page only where the words would be off the screen.
export function bringToView(shown) {
  const text = part(shown, "text");
  const mark = text.querySelector("mark.current");
  if (!mark) return;
  text.scrollTop = mark.offsetTop - text.clientHeight / 3;
  mark.scrollIntoView({ block: "nearest" });
}

export function describe(shown, passage, page = passage.page, release = "") {
  part(shown, "title").textContent = heading(passage);
  const place = [`${passage.source}: ${passage.key}`, page && `page ${page}`, release];
  part(shown, "place").textContent = place.filter(Boolean).join(" · ");
}

export function heading({ title, headings, key }) {
  return [...new Set([title, ...headings].filter(Boolean))].join(" › ") || key;
}

function spanOf({ start, end, text }, passage, current) {
  return { start: start - passage.start, end: end - passage.start, text, current };
}

function stands({ start, end, text }, passage) {
  return start >= 0 && Array.from(passage.text).slice(start, end).join("") === text;
}

// Spans count characters (code points), as the service does; JavaScript's strings count UTF-16 units. Spans may overlap.
function marked(text, spans) {
  const characters = Array.from(text);
  const edges = [...new Set([0, characters.length, ...spans.flatMap(({ start, end }) => [start, end])])];
  edges.sort((a, b) => a - b);
  return edges.slice(1).map((end, at) => {
    const piece = characters.slice(edges[at], end).join("");
    const over = spans.filter((span) => span.start <= edges[at] && end <= span.end);
    if (!over.length) return document.createTextNode(piece);
    return element("mark", piece, over.some((span) => span.current) ? { class: "current" } : {});
  });
}
