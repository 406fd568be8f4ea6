import type { Frame, GameInfo, RoomView, ServerClock } from "@blazing-sun/client";
import { html, nothing, type TemplateResult } from "lit";
import "./elements/generic_table.js";
import "./elements/mounted_game.js";
import { text } from "./texts.js";

/** What a game's page gets to draw itself and to act. */
export interface GameContext {
  readonly room: RoomView;
  readonly me: string;
  readonly clock: ServerClock;
  /** Gives a command about this room; a refusal is told to the player. True once it is done. */
  readonly act: (type: string, fields?: object) => Promise<boolean>;
  /** What this browser has recorded of the room, also before a reload. */
  readonly recorded?: readonly Frame[];
  /** The game is over and only shown once more: nothing can be done in it. */
  readonly isReplay?: boolean;
}

/** A game's page that is built with this one: the default export of one file in `games/`. */
export interface GamePage {
  readonly gameType: string;
  readonly title: string;
  readonly summary: string;
  /** Whether anything in it is drawn at random, and so to be checked; it is where nothing is said. */
  readonly hasDraws?: boolean;
  readonly render: (context: GameContext) => TemplateResult;
  /** What is left on the table, shown with the result. */
  readonly renderEnd?: (context: GameContext) => TemplateResult;
}

/** A game's page that ships with the game: the default export of its module. */
export interface GameModule {
  readonly title?: string;
  readonly summary?: string;
  readonly mount: (element: HTMLElement) => MountedGame;
}

export interface MountedGame {
  readonly update: (context: GameContext) => void;
  readonly unmount?: () => void;
}

const modules = import.meta.glob<{ default: GamePage }>("./games/*.ts", { eager: true });
const pages = new Map(Object.values(modules).map((module) => [module.default.gameType, module.default]));

export function gamePage(gameType: string): GamePage | undefined {
  return pages.get(gameType);
}

type Loading = "loading" | "failed" | GameModule;

/** Modules that ship with games, loaded once each when somebody opens a room of theirs. */
export class GameModules {
  private readonly byAddress = new Map<string, Loading>();

  constructor(
    private readonly changed: () => void,
    private readonly load: (address: string) => Promise<{ default?: unknown }> = (address) =>
      import(/* @vite-ignore */ address),
  ) {}

  /** What is known of the module by now; the first to ask has it loaded. */
  get(address: string): Loading {
    const known = this.byAddress.get(address);
    if (known) return known;
    this.byAddress.set(address, "loading");
    void this.fetch(address);
    return "loading";
  }

  /** What the module calls the game, where it is loaded. */
  titleOf(address: string): string | undefined {
    const known = this.byAddress.get(address);
    return typeof known === "object" ? known.title : undefined;
  }

  private async fetch(address: string): Promise<void> {
    let loaded: Loading = "failed";
    try {
      // The page's own server alone: an address elsewhere would run with the player's rights.
      if (new URL(address, location.origin).origin !== location.origin)
        throw new Error(`not of this server: ${address}`);
      const { default: found } = await this.load(address);
      if (isGameModule(found)) loaded = found;
      else throw new Error(`${address} exports no page of a game`);
    } catch (error) {
      console.warn(error);
    }
    this.byAddress.set(address, loaded);
    this.changed();
  }
}

function isGameModule(value: unknown): value is GameModule {
  return typeof value === "object" && value !== null && typeof (value as Partial<GameModule>).mount === "function";
}

/** The game's picture: its page that is built in, the one that ships with it, or the plain table. */
export function drawGame(context: GameContext, info: GameInfo | undefined, loaded: GameModules): TemplateResult {
  const page = gamePage(context.room.gameType);
  if (page) return page.render(context);
  const moves = info?.moves ?? {};
  const found = info?.page ? loaded.get(info.page) : undefined;
  if (found === "loading") return html`<p class="soft" role="status">${text.table.loading}</p>`;
  if (found === undefined || found === "failed") {
    const note = found === "failed" ? text.table.broken : text.table.plain;
    return html`<bs-generic-table .context=${context} .moves=${moves} .note=${note}></bs-generic-table>`;
  }
  return html`<bs-mounted-game .context=${context} .moves=${moves} .module=${found}></bs-mounted-game>`;
}

/** What is left of the game once it has a result, where its page shows that. */
export function drawEnd(context: GameContext): TemplateResult | typeof nothing {
  return gamePage(context.room.gameType)?.renderEnd?.(context) ?? nothing;
}

export type { Frame };
