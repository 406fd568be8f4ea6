import { css, html, type TemplateResult } from "lit";
import { shown } from "../elements/element.js";
import "../elements/lag_chart.js";
import { heading, table } from "../elements/parts.js";
import { ui } from "../elements/ui.js";
import { count } from "../format.js";
import { Remote } from "../remote.js";
import { pathOf } from "../routes.js";
import { text } from "../texts.js";
import type { Group, Groups, LagSample, Lags } from "../types.js";
import { Page } from "./page.js";

interface Shown extends Group {
  samples: LagSample[];
}

export class GroupsPage extends Page {
  private readonly groups = new Remote<Shown[]>(this, (signal) => this.load(signal), 10_000);

  private async load(signal: AbortSignal): Promise<Shown[]> {
    const { api } = this.console;
    const { groups } = await api.get<Groups>("groups", {}, signal);
    return Promise.all(
      groups.map(async (group) => {
        const path = `groups/${encodeURIComponent(group.group)}/lag`;
        const { samples } = await api.get<Lags>(path, { minutes: 60 }, signal);
        return { ...group, samples };
      }),
    );
  }

  protected content(): TemplateResult {
    return html`${heading(text.nav.groups)}
      ${shown(this.groups, (groups) =>
        table(
          text.nav.groups,
          [
            {
              name: text.groups.group,
              draw: ({ group }) => html`<a href=${pathOf({ page: "group", group })}>${group}</a>`,
            },
            { name: text.groups.members, draw: ({ members }) => count(members), isNumber: true },
            { name: text.groups.lag, draw: ({ lag }) => count(lag), isNumber: true },
            {
              name: text.groups.lastHour,
              draw: ({ samples }) => html`<bc-lag-chart isSmall .samples=${samples}></bc-lag-chart>`,
            },
            { name: text.groups.topics, draw: topicsOf, isLong: true },
          ],
          groups,
        ),
      )}`;
  }

  static override styles = [
    ui,
    css`
      td {
        vertical-align: middle;
      }
    `,
  ];
}

function topicsOf({ partitions }: Group): string {
  return [...new Set(partitions.map(({ topic }) => topic))].join(", ");
}

customElements.define("bc-groups", GroupsPage);
