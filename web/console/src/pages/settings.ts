import { html, nothing, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import { chip, heading, moment, table } from "../elements/parts.js";
import { Remote } from "../remote.js";
import { settingValue } from "../setting_value.js";
import { text } from "../texts.js";
import type { Setting, SettingList } from "../types.js";
import { Page } from "./page.js";

/** What can be changed while everything runs, and maintenance. */
export class Settings extends Page {
  private readonly settings = new Remote<SettingList>(
    this,
    (signal) => this.console.api.get("settings", {}, signal),
    15_000,
  );

  protected content(): TemplateResult {
    return html`
      ${heading(
        text.nav.settings,
        html`<button class="danger" data-testid="maintenance" @click=${this.maintenance}>${text.maintenance.begin}</button>
          <button data-testid="maintenance-end" @click=${this.maintenanceEnd}>${text.maintenance.end}</button>`,
      )}
      <p class="soft">${text.settings.lead}</p>
      ${shown(
        this.settings,
        ({ settings, maintenance }) => html`
        ${
          maintenance
            ? html`<div class="failure" role="note" data-testid="announced"><p>${text.maintenance.announced(maintenance.announced_by)}
                ${moment(maintenance.starts_at)}: “${maintenance.message}”</p></div>`
            : nothing
        }
        ${table(
          text.nav.settings,
          [
            { name: text.topics.setting, draw: ({ name }) => html`<code>${name}</code>` },
            {
              name: text.settings.value,
              draw: (setting) =>
                html`<span class="mono" data-testid=${`value-${setting.name}`}>${written(setting.value)}</span> ${setting.unit ?? ""}`,
            },
            {
              name: text.settings.from,
              draw: ({ from }) => (from === "live" ? chip(text.settings.live, "warn") : chip(text.settings.config)),
            },
            {
              name: text.settings.default,
              draw: (setting) => html`<span class="mono">${written(setting.default)}</span>`,
            },
            { name: text.settings.changed, draw: ({ changed_at }) => moment(changed_at) },
            { name: text.settings.by, draw: ({ changed_by }) => changed_by ?? "–" },
            {
              name: text.settings.change,
              draw: (
                setting,
              ) => html`<button class="small" data-testid=${`set-${setting.name}`} aria-label=${`${text.settings.change}: ${setting.name}`}
                  @click=${() => this.change(setting)}>${text.settings.change}</button>
                ${
                  setting.from === "live"
                    ? html`<button class="small" data-testid=${`reset-${setting.name}`} aria-label=${`${text.settings.reset}: ${setting.name}`}
                      @click=${() => this.reset(setting)}>${text.settings.reset}</button>`
                    : nothing
                }`,
            },
          ],
          settings,
        )}`,
      )}`;
  }

  private change(setting: Setting): void {
    this.confirm(
      {
        title: text.settings.changeTitle(setting.name),
        lead: text.settings.changeLead(`${written(setting.value)} ${setting.unit ?? ""}`.trim()),
        fields: [
          {
            name: "value",
            label: text.settings.value,
            ...(setting.kind ? { hint: text.settings.takes(setting.kind) } : {}),
          },
        ],
        confirm: text.settings.change,
        act: ({ value = "" }) => this.set(setting, settingValue(value, setting)),
      },
      text.settings.changedNow,
    );
  }

  private reset(setting: Setting): void {
    this.confirm(
      {
        title: text.settings.resetTitle(setting.name),
        lead: text.settings.resetLead,
        fields: [],
        confirm: text.settings.reset,
        act: () => this.set(setting, null),
      },
      text.settings.changedNow,
    );
  }

  private async set({ name }: Setting, value: unknown): Promise<void> {
    await this.console.api.post(`settings/${encodeURIComponent(name)}`, { value });
    await this.settings.reload();
  }

  private readonly maintenance = () => {
    this.confirm(
      {
        title: text.maintenance.title,
        lead: text.maintenance.lead,
        fields: [
          { name: "message", label: text.maintenance.message, type: "textarea" },
          { name: "starts_at", label: text.maintenance.startsAt, isOptional: true, hint: text.maintenance.startsHint },
        ],
        confirm: text.maintenance.begin,
        isDangerous: true,
        act: async ({ message, starts_at }) => {
          await this.console.api.post("maintenance", starts_at ? { message, starts_at } : { message });
          await this.settings.reload();
        },
      },
      text.maintenance.begun,
    );
  };

  private readonly maintenanceEnd = () => {
    this.confirm(
      {
        title: text.maintenance.endTitle,
        lead: text.maintenance.endLead,
        fields: [],
        confirm: text.maintenance.end,
        act: async () => {
          await this.console.api.post("maintenance/end");
          await this.settings.reload();
        },
      },
      text.maintenance.ended,
    );
  };
}

function written(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

customElements.define("bc-settings", Settings);
