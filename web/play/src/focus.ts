/** The element that has the focus, in whatever roots it is; none where the page has it. */
export function focusedElement(): HTMLElement | undefined {
  let found: Element | null = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found instanceof HTMLElement && found !== document.body ? found : undefined;
}

/** Whether nothing has the focus that one works with: it may be moved to what is wanted next. */
export function isFocusFree(): boolean {
  const element = focusedElement();
  return element === undefined || element.localName === "main";
}
