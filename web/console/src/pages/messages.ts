import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from "lit";
import { tailCommand } from "../commands.js";
import { failure } from "../elements/element.js";
import "../elements/message_card.js";
import { idOf } from "../elements/message_list.js";
import { heading } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { Feed, type Row } from "../feed.js";
import { count } from "../format.js";
import { pathOf } from "../routes.js";
import { text } from "../texts.js";
import type { Messages } from "../types.js";
import { Page } from "./page.js";

const FILTERS = ["key", "type", "user", "room", "correlation_id", "text"] as const;
const STARTS = ["newest", "oldest", "end", "offset", "time"] as const;
type Start = (typeof STARTS)[number];

/** A topic's messages: those that match, from where one likes, or as they come. */
export class MessagesPage extends Page {
  static override properties: PropertyDeclarations = {
    ...Page.properties,
    topic: { attribute: false },
    start: { state: true },
  };
  declare topic: string;
  /** What is chosen in the form, which need not have been sent yet. */
  declare private start: Start | undefined;
  private feed: Feed | undefined;
  /** The question that `feed` answers. */
  private asked: string | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.feed?.stop();
    this.asked = undefined;
  }

  protected override willUpdate(): void {
    const query = new URLSearchParams(this.console.query);
    query.delete("open");
    const asked = query.toString();
    if (asked === this.asked) return;
    this.asked = asked;
    this.begin();
  }

  private begin(): void {
    this.feed?.stop();
    const path = `topics/${encodeURIComponent(this.topic)}/messages`;
    const { query } = this.console;
    const asked: Record<string, string> = { start: query.get("start") ?? "newest" };
    for (const name of [...FILTERS, "partition"]) {
      const value = query.get(name);
      if (value) asked[name] = value;
    }
    this.feed = new Feed(
      (more, signal) => this.console.api.get<Messages>(path, more, signal),
      asked,
      () => this.requestUpdate(),
    );
    this.feed.start();
  }

  protected content(): TemplateResult {
    const { feed } = this;
    return html`
      ${heading(
        html`<a href=${pathOf({ page: "topic", topic: this.topic })}>${this.topic}</a> · ${text.messages.title}`,
        html`<button class="small" data-testid="copy-tail" @click=${this.copyTail}>${text.messages.copyTail}</button>`,
      )}
      ${this.form()}
      ${feed ? this.status(feed) : nothing}
      ${feed?.error === undefined ? nothing : failure(feed.error, () => this.again())}
      <div class=${this.opened ? "split open" : "split"}>
        ${feed ? this.list(feed) : nothing}
        ${this.card()}
      </div>`;
  }

  private list(feed: Feed): TemplateResult {
    if (feed.rows.length === 0 && feed.isAtEnd) {
      return html`<p class="empty" data-testid="empty">${text.messages.none(count(feed.scanned))}</p>`;
    }
    return html`<bc-message-list .rows=${feed.rows} .added=${feed.added} .open=${this.opened ?? ""}
      @near-end=${() => feed.rows.length > 0 && feed.error === undefined && void feed.more()}
      @pick=${({ detail }: CustomEvent<Row>) => this.ask({ open: idOf(detail) })}></bc-message-list>`;
  }

  /** What `?open=` names. */
  private get opened(): string | null {
    return this.console.query.get("open");
  }

  private card(): TemplateResult | typeof nothing {
    const [, partition, offset] = /^(\d+)-(\d+)$/.exec(this.opened ?? "") ?? [];
    if (partition === undefined || offset === undefined) return nothing;
    return html`<bc-message-card .console=${this.console} .topic=${this.topic} .partition=${Number(partition)} .offset=${Number(offset)}
      @close=${() => this.ask({ open: undefined })}></bc-message-card>`;
  }

  private status(feed: Feed): TemplateResult {
    const found = text.messages.found(count(feed.rows.length), count(feed.scanned));
    const words = feed.isLive
      ? feed.isFollowing
        ? text.messages.following(count(feed.rows.length))
        : text.messages.paused(count(feed.rows.length))
      : feed.isLoading
        ? text.messages.looking(found)
        : feed.isAtEnd
          ? text.messages.whole(found)
          : found;
    return html`<div class="row status">
      <p class="grow" role="status" data-testid="feed-status" data-state=${feed.isAtEnd ? "end" : feed.isLoading ? "loading" : "ready"}>${words}</p>
      ${
        feed.isLive
          ? html`<button class="small" data-testid="pause" @click=${() => (feed.isFollowing ? feed.stop() : void feed.follow())}>
              ${feed.isFollowing ? text.messages.pause : text.messages.goOn}</button>`
          : feed.isLoading
            ? html`<button class="small" data-testid="stop" @click=${() => feed.stop()}>${text.messages.stop}</button>`
            : feed.isAtEnd
              ? nothing
              : html`<button class="small" data-testid="load-all" @click=${() => void feed.all()}>${text.messages.all}</button>`
      }
    </div>`;
  }

  private form(): TemplateResult {
    const { query } = this.console;
    const [kind = "newest", at = ""] = split(query.get("start") ?? "newest");
    const start = this.start ?? (STARTS.find((each) => each === kind) || "newest");
    const field = (name: (typeof FILTERS)[number] | "partition", type = "text") =>
      html`<label>${text.messages.filters[name]}<input name=${name} type=${type} min="0" .value=${query.get(name) ?? ""}
        placeholder=${name === "type" ? "games.event.*" : ""} autocomplete="off" spellcheck="false" data-testid=${`filter-${name}`} /></label>`;
    return html`<form class="card filters" @submit=${this.submit} data-testid="filters">
      <label>${text.messages.from}<select name="start" data-testid="start" @change=${(event: Event) => {
        this.start = (event.target as HTMLSelectElement).value as Start;
      }}>${STARTS.map(
        (each) => html`<option value=${each} .selected=${each === start}>${text.messages.starts[each]}</option>`,
      )}</select></label>
      ${
        start === "offset"
          ? html`<label>${text.messages.offset}<input name="at" type="number" min="0" required .value=${kind === "offset" ? at : ""} data-testid="start-at" /></label>`
          : nothing
      }
      ${
        start === "time"
          ? html`<label>${text.messages.time}<input name="at" required placeholder="2026-01-31T18:00:00Z" .value=${kind === "time" ? at : ""} data-testid="start-at" /></label>`
          : nothing
      }
      ${field("partition", "number")} ${FILTERS.map((name) => field(name))}
      <div class="row"><button class="primary" data-testid="search">${text.messages.search}</button>
        <button type="button" data-testid="clear" @click=${this.clear}>${text.messages.clear}</button></div>
    </form>`;
  }

  private readonly submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const value = (name: string) => String(fields.get(name) ?? "").trim() || undefined;
    const [start, at] = [value("start"), value("at")];
    const begin = at === undefined ? start : `${start}:${at}`;
    const asked = Object.fromEntries([...FILTERS, "partition"].map((name) => [name, value(name)]));
    const before = this.console.query.toString();
    this.ask({ ...asked, start: begin === "newest" ? undefined : begin, open: undefined });
    // The same question again: what has come since counts.
    if (this.console.query.toString() === before) this.again();
  };

  private readonly clear = () => {
    this.start = undefined;
    this.ask(Object.fromEntries([...FILTERS, "partition", "start", "open"].map((name) => [name, undefined])));
  };

  private again(): void {
    this.begin();
    this.requestUpdate();
  }

  private readonly copyTail = () => {
    const { query } = this.console;
    const of = (name: string) => query.get(name) ?? undefined;
    const filters = { key: of("key") ?? of("room"), type: of("type"), correlationId: of("correlation_id") };
    void this.console.copy(tailCommand(this.topic, filters, query.get("start") === "end"));
  };

  static override styles = [
    ui,
    css`
      .filters {
        grid-template-columns: repeat(auto-fill, minmax(min(6rem, 100%), 1fr));
      }
      .filters .row {
        grid-column: span 2;
      }
      .status {
        min-height: 28px;
      }
      .split {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--space-3);
      }
      @media (min-width: 75rem) {
        .split.open {
          grid-template-columns: minmax(0, 1fr) minmax(24rem, 34rem);
        }
      }
    `,
  ];
}

/** `offset:17` in its two parts. */
function split(start: string): [kind: string, at: string] {
  const at = start.indexOf(":");
  return at === -1 ? [start, ""] : [start.slice(0, at), start.slice(at + 1)];
}

customElements.define("bc-messages", MessagesPage);
