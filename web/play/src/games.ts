import type { Frame, RoomView, ServerClock } from "@blazing-sun/client";
import type { TemplateResult } from "lit";

/** What a game's page gets to draw itself and to act. */
export interface GameContext {
  readonly room: RoomView;
  readonly me: string;
  readonly clock: ServerClock;
  /** Gives a command about this room; a refusal is told to the player. True once it is done. */
  readonly act: (type: string, fields?: object) => Promise<boolean>;
}

/** A game's page: the default export of one file in `games/`. */
export interface GamePage {
  readonly gameType: string;
  readonly title: string;
  readonly summary: string;
  readonly render: (context: GameContext) => TemplateResult;
}

const modules = import.meta.glob<{ default: GamePage }>("./games/*.ts", { eager: true });
const pages = new Map(Object.values(modules).map((module) => [module.default.gameType, module.default]));

export function gamePage(gameType: string): GamePage | undefined {
  return pages.get(gameType);
}

export type { Frame };
