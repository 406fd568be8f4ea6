import { css, html, LitElement, type TemplateResult } from "lit";
import { sound } from "../sound.js";
import { text } from "../texts.js";
import { ui } from "../ui.js";

const SPEAKER = "M4 10v4h4l5 4V6l-5 4z";
const WAVES = "M16.5 9a4 4 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11";
const CROSS = "M17 10l4 4M21 10l-4 4";

/** Turns the sounds of the game on and off. */
export class SoundSwitch extends LitElement {
  override render(): TemplateResult {
    const words = sound.isOn ? text.soundOff : text.soundOn;
    return html`<button class="plain" aria-pressed=${sound.isOn} aria-label=${text.sound} title=${words} data-testid="sound"
      @click=${this.change}><svg viewBox="0 0 24 24" aria-hidden="true"><path d=${SPEAKER} /><path d=${sound.isOn ? WAVES : CROSS} /></svg></button>`;
  }

  private readonly change = () => {
    sound.turn(!sound.isOn);
    this.requestUpdate();
    sound.play("point");
  };

  static override styles = [
    ui,
    css`
      button {
        min-width: 44px;
        min-height: 44px;
        padding: 0;
      }
      svg {
        width: 22px;
        fill: none;
        stroke: currentColor;
        stroke-width: 2;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
    `,
  ];
}

customElements.define("bs-sound-switch", SoundSwitch);
