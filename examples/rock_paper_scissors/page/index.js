// The page of one game, as the players' pages load it: no build step, no library.

const GAME = "rock_paper_scissors";
const LABELS = new Map([
  ["rock", "Rock"],
  ["paper", "Paper"],
  ["scissors", "Scissors"],
]);
/** Files of this folder, wherever the server has put it. */
const file = (name) => new URL(name, import.meta.url).href;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export default {
  title: "Rock, Paper, Scissors",
  summary: "Both choose in secret. Three rounds take the pot.",
  mount(host) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const styles = element("link", { rel: "stylesheet", href: file("style.css") });
    const scores = element("ul", { class: "scores" });
    const line = element("p", { class: "line", role: "status", "data-testid": "rps-line" });
    const hands = element("div", { class: "hands" });
    let context;
    let sent;

    const choose = async (hand) => {
      sent = hand;
      draw();
      if (!(await context.act(`games.command.${GAME}.choose`, { hand }))) sent = undefined;
      draw();
    };
    for (const [hand, label] of LABELS) {
      const button = element("button", { type: "button", "data-testid": `rps-${hand}`, "data-hand": hand });
      button.append(element("img", { src: file(`${hand}.svg`), alt: "" }), label);
      button.addEventListener("click", () => choose(hand));
      hands.append(button);
    }
    root.replaceChildren(styles, element("div", { class: "table" }, scores, line, hands));

    function draw() {
      const { room, me } = context;
      const state = room.gameState ?? {};
      const nameOf = (id) => room.members.find((member) => member.userId === id)?.username ?? id;
      const points = new Map((state.scores ?? []).map(([id, score]) => [String(id), score]));
      scores.replaceChildren(
        ...room.selected.map((id) =>
          element("li", { "data-testid": `rps-score-${id}` }, `${nameOf(id)} `, element("b", {}, String(points.get(id) ?? 0))),
        ),
      );
      const chosen = state.own_hand ?? sent;
      const plays = room.selected.includes(me) && room.phase === "playing";
      for (const button of hands.children) {
        button.disabled = !plays || Boolean(chosen) || state.is_paused === true;
        button.setAttribute("aria-pressed", String(button.dataset.hand === chosen));
      }
      hands.hidden = !room.selected.includes(me);
      line.textContent = said(room, state, me, chosen, nameOf);
    }

    return {
      update(next) {
        // A new round, or a chosen hand that the state knows of: what was sent is answered.
        if (next.room.gameState !== context?.room.gameState) sent = undefined;
        context = next;
        draw();
      },
      unmount() {
        root.replaceChildren();
      },
    };
  },
};

function said(room, state, me, chosen, nameOf) {
  if (state.is_paused) return `${nameOf(String(state.disconnected_player))} is gone: the game waits.`;
  if (chosen) return `${LABELS.get(chosen)} it is. Waiting for the other hand.`;
  const last = room.gameEvents.findLast((event) => event.type === `games.event.${GAME}.round_result`);
  if (!last) return "Choose a hand. The other will not see it before theirs is chosen too.";
  const shown = last.hands.map(([id, hand]) => `${nameOf(String(id))}: ${LABELS.get(hand) ?? "no hand"}`).join(", ");
  if (last.winner_id === null) return `${shown}: a tie.`;
  const winner = String(last.winner_id);
  return `${shown}. ${winner === me ? "You take" : `${nameOf(winner)} takes`} the round.`;
}
