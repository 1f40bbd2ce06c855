// The little that every part of the console does with the page. What comes from outside is set as text, never as
// markup.

export const $ = (id) => document.getElementById(id);

/** A new element with its text, its classes and its attributes. */
export function element(name, text, className, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [attribute, value] of Object.entries(attributes))
    made.setAttribute(attribute, value);
  return made;
}

/** A button that does something. */
export function button(text, act, className = "plain") {
  const made = element("button", text, className, { type: "button" });
  made.addEventListener("click", act);
  return made;
}

/** Sets a text where it is another one: what stays can be selected, and isn't read out again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Brings `rows` into `list` in their order; one that stands where it should isn't touched, so that it keeps the focus. */
export function arrange(list, rows) {
  const kept = new Set(rows);
  for (const row of [...list.children]) if (!kept.has(row)) row.remove();
  rows.forEach((row, place) => {
    const there = list.children[place];
    if (there !== row) list.insertBefore(row, there ?? null);
  });
}

/** 128 random bits: an id that nobody else takes. It works on pages that were not loaded safely, too. */
export function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
