// Asking the consumer API by way of the console's server, and what all of the console's parts need.

export const $ = (id) => document.getElementById(id);
export const API = "/console/api";

export async function call(method, path, body) {
  const init = { method, headers: {} };
  if (body !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await fetch(API + path, init);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.text();
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    problem.detail = text.trim();
  }
  throw new Error(problem.detail ?? problem.title ?? problem.code ?? `status ${answer.status}`);
}

/** Does what an agent asked for, and says why where it was not done. */
export async function attempt(action) {
  $("fault").hidden = true;
  try {
    await action();
    return true;
  } catch (error) {
    $("fault").textContent = `That was not done: ${error.message}`;
    $("fault").hidden = false;
    return false;
  }
}

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function clock(time) {
  return new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
