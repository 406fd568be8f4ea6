import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES: RunOptions = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"],
  // It would read styles from elements that it adds, which the pages' policy keeps out.
  preload: false,
};

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 800 };
/** As wide as a window of 1280 pixels is at 400 %, and the narrowest phones. */
const NARROWEST = 320;

export const VARIANTS = [
  { colorScheme: "dark", size: DESKTOP, name: "desktop-dark" },
  { colorScheme: "light", size: PHONE, name: "phone-light" },
  { colorScheme: "light", size: DESKTOP, name: "desktop-light" },
  { colorScheme: "dark", size: PHONE, name: "phone-dark" },
] as const;
type Variant = (typeof VARIANTS)[number];

interface Finding {
  what: string;
  where: string;
}

/**
 * What is wrong with a page as it is now: what axe finds in both themes, and where it is wider than a window. With
 * `E2E_SCREENSHOTS` it is also photographed, in both themes at both sizes.
 */
async function inspect(page: Page, name: string, variants: readonly Variant[]): Promise<Finding[]> {
  const size = page.viewportSize() ?? DESKTOP;
  const found: Finding[] = [];
  for (const variant of process.env.E2E_SCREENSHOTS ? VARIANTS : variants) {
    await page.emulateMedia({ colorScheme: variant.colorScheme });
    await page.setViewportSize(variant.size);
    await atRest(page);
    await photograph(page, `${name}-${variant.name}`);
    const wrong = await violations(page);
    if (!(await fits(page))) wrong.push("scrolls sideways");
    found.push(...wrong.map((what) => ({ what, where: variant.name })));
  }
  await page.setViewportSize({ width: NARROWEST, height: 700 });
  if (!(await fits(page))) found.push({ what: "scrolls sideways", where: `${NARROWEST} pixels` });
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(size);
  return found;
}

/** Collects what is wrong with which pages, so that one run shows all of it. */
export class Findings {
  private readonly pages = new Map<string, string[]>();

  async at(page: Page, name: string, variants: readonly Variant[] = VARIANTS.slice(0, 2)): Promise<void> {
    for (const { what, where } of await inspect(page, name, variants)) {
      this.pages.set(what, [...(this.pages.get(what) ?? []), `${name} (${where})`]);
    }
  }

  none(): void {
    const all = [...this.pages].map(([what, names]) => `${what}: ${names.join(", ")}`);
    if (all.length > 0) throw new Error(all.join("\n"));
  }
}

/** The page as it is now: photographed where `E2E_SCREENSHOTS` names a folder, and without anything that axe finds. */
export async function shot(page: Page, name: string): Promise<void> {
  await atRest(page);
  await photograph(page, name);
  const wrong = await violations(page);
  if (wrong.length > 0) throw new Error(`${name}: ${wrong.join("\n")}`);
}

/** Whether the page is as wide as its window. */
export async function fits(page: Page): Promise<boolean> {
  return (await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0;
}

async function photograph(page: Page, name: string): Promise<void> {
  const folder = process.env.E2E_SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

async function violations(page: Page): Promise<string[]> {
  // As a debugger does it: the page's own policy lets in no such script.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const results = await page.evaluate(
    (options) => (window as unknown as { axe: { run(o: RunOptions): Promise<AxeResults> } }).axe.run(options),
    RULES,
  );
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, any }) => `${id} (${help}) at ${target.flat().join(" ")} ${any[0]?.message ?? ""}`),
  );
}

/** Waits until nothing moves but what moves for ever. */
async function atRest(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const moving: Promise<unknown>[] = [];
    const look = (root: Document | ShadowRoot) => {
      for (const each of root.getAnimations()) {
        const isEndless = each.effect?.getComputedTiming().iterations === Number.POSITIVE_INFINITY;
        if (!isEndless) moving.push(each.finished.catch(() => {}));
      }
      for (const element of root.querySelectorAll("*")) if (element.shadowRoot) look(element.shadowRoot);
    };
    // What a new size or theme starts begins with the next frame.
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    look(document);
    await Promise.all(moving);
  });
}
