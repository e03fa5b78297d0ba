// One element, with its class and what is inside it.

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  ...inside: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.append(...inside);
  return made;
}
