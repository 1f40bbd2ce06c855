// Elements, made one by one: nothing here is ever parsed as markup, so nothing can become markup.

type Attributes = Record<string, string | number | boolean>;

/** An element with its attributes (`true` is an empty one, `false` none) and what is in it. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children);
  return element;
}

/** Sets, changes or takes an attribute; one that is so already is left alone. */
export function set(element: Element, name: string, value: string | number | boolean): void {
  if (value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : `${value}`);
}

/** Changes a text where it is another: what is the same isn't read out again. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function button(attributes: Attributes, click: () => void, ...children: (Node | string)[]): HTMLButtonElement {
  const element = el("button", attributes, ...children);
  element.addEventListener("click", click);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A drawing of lines on 24 × 24 that screen readers pass over. */
export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  set(svg, "viewBox", "0 0 24 24");
  set(svg, "aria-hidden", "true");
  set(line, "d", path);
  svg.append(line);
  return svg;
}

/** A drawing with its text; what is the same stays. */
export function label(element: Element, path: string, text: string): void {
  if (element.textContent !== text) element.replaceChildren(icon(path), text);
}

export const CHAT = "M21 12c0 4-4 7-9 7-1 0-2-.1-3-.4L4 20l1-4c-1-1-2-2.5-2-4 0-4 4-7 9-7s9 3 9 7z";
export const CLOSE = "M7 7l10 10M17 7 7 17";
export const DOWN = "M6 9l6 6 6-6";
export const MORE = "M5 12h0M12 12h0M19 12h0";
export const SEND = "M12 19V5M6 11l6-6 6 6";
export const SHIELD = "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4";
