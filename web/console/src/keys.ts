const FIELDS = new Set(["INPUT", "SELECT", "TEXTAREA"]);

/** Whether what is typed goes into a field, or belongs to the browser. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  const isField = target instanceof HTMLElement && (FIELDS.has(target.tagName) || target.isContentEditable);
  return isField || event.metaKey || event.ctrlKey || event.altKey;
}

/** All elements that match, in whatever shadow roots they are, in their order on the page. */
export function deepAll(root: ParentNode, selector: string): HTMLElement[] {
  const found: HTMLElement[] = [];
  for (const element of root.querySelectorAll<HTMLElement>("*")) {
    if (element.matches(selector)) found.push(element);
    if (element.shadowRoot) found.push(...deepAll(element.shadowRoot, selector));
  }
  return found;
}

export function deepFocus(): Element | null {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused;
}

/** From one row of the page's lists to the next, or to the one before. */
export function moveRow(root: ParentNode, by: 1 | -1): void {
  const rows = deepAll(root, "[data-row]");
  const focused = deepFocus();
  const at = rows.findIndex((row) => row === focused || (focused !== null && row.contains(focused)));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView?.({ block: "nearest" });
}

/** Shows what is in a row, or goes where it leads. */
export function openRow(): boolean {
  const focused = deepFocus();
  if (!(focused instanceof HTMLElement) || focused.dataset.row === undefined) return false;
  if (focused instanceof HTMLDetailsElement) focused.open = !focused.open;
  else focused.querySelector<HTMLElement>("a, button")?.click();
  return true;
}
