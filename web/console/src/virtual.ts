/** Which rows of a long list have to be drawn, and how far down the first of them is. */
export interface Window {
  first: number;
  /** One beyond the last. */
  end: number;
  offset: number;
}

/** Rows above and below what can be seen, so that scrolling does not uncover nothing. */
const SPARE = 8;

export function windowOf(scrollTop: number, height: number, rowHeight: number, rows: number): Window {
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight) - SPARE), Math.max(0, rows - 1));
  const end = Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + SPARE);
  return { first, end: Math.max(first, end), offset: first * rowHeight };
}

/** Where to scroll so that a row can be seen; undefined where it can be. */
export function scrollFor(row: number, scrollTop: number, height: number, rowHeight: number): number | undefined {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return undefined;
}
