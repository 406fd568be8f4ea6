//! Each property catches a game that breaks it, and says what is wrong.

use blazing_sun_domain::prelude::*;
use blazing_sun_game_suite::{PROPERTIES, definition};
use std::sync::atomic::{AtomicU64, Ordering};

const SOUND: u8 = 0;
const PANICS_ON_A_MOVE: u8 = 1;
const PANICS_IN_A_VIEW: u8 = 2;
const IGNORES_TIME_OUTS: u8 = 3;
const WAITS_FOR_NOBODY: u8 = 4;
const HAS_NO_TURN_TIME: u8 = 5;
const GIVES_THE_PRIZE_TO_NOBODY: u8 = 6;
const SHOWS_A_CHOICE: u8 = 7;
const TELLS_A_CHOICE_TO_ALL: u8 = 8;
const TELLS_A_CHOICE_TO_THE_OTHER: u8 = 9;
const TELLS_SPECTATORS: u8 = 10;
const NAMES_NO_SECRET: u8 = 11;
const NAMES_A_PLACE_THAT_IS_NOT_THERE: u8 = 12;
const HIDES_WITHOUT_SAYING: u8 = 13;
const COUNTS_OUTSIDE_OF_ITS_STATE: u8 = 14;
const FORGETS_A_FIELD: u8 = 15;
const HAS_TOO_FEW_SEATS: u8 = 16;
const SCORES_A_CHOICE: u8 = 17;
const LETS_A_CHOICE_MOVE_AGAIN: u8 = 18;
const ENDS_BY_A_CHOICE: u8 = 19;
const HAS_NO_PLACE_FOR_TEN: u8 = 20;
const PAUSES_WITHOUT_AN_END: u8 = 21;

static GAMES: AtomicU64 = AtomicU64::new(0);

/// Both choose in secret, eight times; a flaw spoils one thing of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Bad<const FLAW: u8> {
    rounds: u32,
    chosen: [Option<u8>; 2],
    points: [i64; 2],
    #[serde(skip)]
    forgotten: u32,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Move {
    Choose {
        #[schemars(range(max = 9))]
        number: u8,
    },
}

impl<const FLAW: u8> Bad<FLAW> {
    fn choose(&mut self, table: &mut Table<'_>, seat: Seat, number: u8) {
        self.chosen[seat.index()] = Some(number);
        self.forgotten += 1;
        let told = match FLAW {
            COUNTS_OUTSIDE_OF_ITS_STATE => {
                json!({ "count": GAMES.fetch_add(1, Ordering::Relaxed) })
            }
            FORGETS_A_FIELD => json!({ "count": self.forgotten }),
            TELLS_A_CHOICE_TO_ALL => json!({ "number": number }),
            _ => json!({}),
        };
        table.emit_by(seat, "chosen", &told);
        let secret = json!({ "number": number });
        match FLAW {
            TELLS_A_CHOICE_TO_THE_OTHER => {
                table.emit(To::Seats(vec![Seat(1 - seat.0)]), "psst", &secret);
            }
            TELLS_SPECTATORS => table.emit(To::Spectators, "psst", &secret),
            _ => table.emit(To::Seats(vec![seat]), "noted", &secret),
        }
        if let [Some(first), Some(second)] = self.chosen {
            table.emit(To::All, "revealed", &json!({ "numbers": [first, second] }));
            self.points[usize::from(second > first)] += 1;
            self.chosen = [None; 2];
            self.rounds += 1;
        }
    }
}

impl<const FLAW: u8> Game for Bad<FLAW> {
    const NAME: &'static str = "bad";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            turn_ms: (FLAW != HAS_NO_TURN_TIME).then_some(1_000),
            min_seats: if FLAW == HAS_TOO_FEW_SEATS { 3 } else { 2 },
            max_seats: if FLAW == HAS_NO_PLACE_FOR_TEN { 10 } else { 2 },
            hidden_information: FLAW != HIDES_WITHOUT_SAYING,
            on_disconnect: match FLAW {
                PAUSES_WITHOUT_AN_END => OnDisconnect::Pause { max_ms: 60_000 },
                _ => OnDisconnect::AutoPlay,
            },
            ..Spec::default()
        }
    }

    fn start(table: &mut Table<'_>) -> Bad<FLAW> {
        assert!(table.seats().count() < 10, "there is no place for ten");
        Bad::default()
    }

    fn to_act(&self) -> Vec<Seat> {
        if FLAW == WAITS_FOR_NOBODY && self.rounds == 3 {
            return Vec::new();
        }
        if FLAW == LETS_A_CHOICE_MOVE_AGAIN && self.chosen[0] > Some(4) {
            return vec![Seat(0), Seat(1)];
        }
        let seats = (0..).map(Seat).zip(self.chosen);
        let waited_for = seats.filter(|(_, chosen)| chosen.is_none());
        waited_for.map(|(seat, _)| seat).collect()
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        let Move::Choose { number } = chosen;
        if number > 9 {
            return Err(RefusalCode::InvalidMove.into());
        }
        assert!(
            FLAW != PANICS_ON_A_MOVE || number != 7,
            "seven was not thought of"
        );
        self.choose(table, seat, number);
        Ok(())
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        if FLAW != IGNORES_TIME_OUTS {
            self.choose(table, seat, 0);
        }
    }

    fn view(&self, viewer: Viewer, _: &[SeatedPlayer]) -> Value {
        assert!(
            FLAW != PANICS_IN_A_VIEW || self.rounds != 2,
            "round two was not thought of"
        );
        let own = match viewer {
            Viewer::Seat(seat) => self.chosen.get(seat.index()).copied().flatten(),
            Viewer::Spectator => None,
        };
        let shown = (FLAW == SHOWS_A_CHOICE).then_some(self.chosen);
        json!({ "own": own, "shown": shown, "points": self.points })
    }

    fn secrets(&self) -> Vec<Secret> {
        if matches!(FLAW, NAMES_NO_SECRET | HIDES_WITHOUT_SAYING) {
            return Vec::new();
        }
        let place = |seat: Seat| match FLAW {
            NAMES_A_PLACE_THAT_IS_NOT_THERE => format!("/choices/{}", seat.0),
            _ => format!("/chosen/{}", seat.0),
        };
        let seats = (0..).map(Seat).zip(self.chosen);
        let chosen = seats.filter(|(_, chosen)| chosen.is_some());
        chosen
            .map(|(seat, _)| Secret::of(seat, place(seat)))
            .collect()
    }

    fn outcome(&self) -> Option<Outcome> {
        let winner = match FLAW {
            GIVES_THE_PRIZE_TO_NOBODY => Seat(9),
            _ => Seat(u32::from(self.points[1] > self.points[0])),
        };
        let ends_early = FLAW == ENDS_BY_A_CHOICE && self.chosen[0] > Some(7);
        (self.rounds == 8 || ends_early).then_some(Outcome::Winner(winner))
    }

    fn scores(&self) -> Vec<i64> {
        match FLAW {
            SCORES_A_CHOICE => {
                let chosen = self.chosen.map(|chosen| chosen.map_or(0, i64::from));
                vec![
                    self.points[0] * 10 + chosen[0],
                    self.points[1] * 10 + chosen[1],
                ]
            }
            _ => self.points.into(),
        }
    }
}

/// What is said of the properties that the game breaks, by their names.
fn broken<const FLAW: u8>() -> Vec<(&'static str, String)> {
    let game = definition::<Bad<FLAW>>();
    let verdicts = PROPERTIES.iter().map(|(name, holds)| (*name, holds(&game)));
    let broken = verdicts.filter_map(|(name, verdict)| Some((name, verdict.err()?.to_string())));
    broken.collect()
}

/// The flaw is found by the property whose matter it is, in these words.
fn found_by<const FLAW: u8>(property: &str, words: &str) {
    let holds = PROPERTIES.iter().find(|(name, _)| *name == property);
    let (_, holds) = holds.expect("a property of this name");
    match holds(&definition::<Bad<FLAW>>()) {
        Ok(()) => panic!("{property} holds"),
        Err(broken) => assert!(broken.reason.contains(words), "{broken}"),
    }
}

fn found_only_by<const FLAW: u8>(property: &str, words: &str) {
    found_by::<FLAW>(property, words);
    let names: Vec<_> = broken::<FLAW>().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [property]);
}

#[test]
fn a_sound_game_breaks_nothing() {
    assert_eq!(broken::<SOUND>(), []);
}

#[test]
fn panics_are_found() {
    found_by::<PANICS_ON_A_MOVE>("never_panics", "seven was not thought of");
    found_by::<PANICS_ON_A_MOVE>("never_panics", r#""number":7"#);
    found_by::<PANICS_IN_A_VIEW>("never_panics", "round two was not thought of");
    found_by::<HAS_NO_PLACE_FOR_TEN>("never_panics", "there is no place for ten");
}

#[test]
fn games_that_do_not_end_are_found() {
    found_by::<IGNORES_TIME_OUTS>("ends_under_time_outs_alone", "does not end within");
    found_by::<WAITS_FOR_NOBODY>("ends_under_time_outs_alone", "no time-out would end it");
    found_by::<HAS_NO_TURN_TIME>("describes_itself", "a turn has no time");
    found_by::<HAS_NO_TURN_TIME>("ends_under_time_outs_alone", "no time-out would end it");
}

#[test]
fn a_pot_that_nobody_gets_is_found() {
    found_by::<GIVES_THE_PRIZE_TO_NOBODY>("conserves_the_pot", "panics");
}

#[test]
fn told_secrets_are_found() {
    found_only_by::<SHOWS_A_CHOICE>("keeps_secrets", "shows `/chosen/");
    found_only_by::<TELLS_A_CHOICE_TO_ALL>("keeps_secrets", "tells a secret");
    found_only_by::<TELLS_A_CHOICE_TO_THE_OTHER>("keeps_secrets", "tells a secret");
    found_only_by::<TELLS_SPECTATORS>("keeps_secrets", "Spectator tells a secret");
}

#[test]
fn secrets_that_the_room_would_tell_are_found() {
    found_only_by::<SCORES_A_CHOICE>("keeps_secrets", "scores() ");
    found_only_by::<LETS_A_CHOICE_MOVE_AGAIN>("keeps_secrets", "to_act() ");
    found_only_by::<ENDS_BY_A_CHOICE>("keeps_secrets", "outcome() ");
}

#[test]
fn secrets_that_can_not_be_checked_are_found() {
    found_only_by::<NAMES_NO_SECRET>("keeps_secrets", "secrets() never names anything");
    found_only_by::<NAMES_A_PLACE_THAT_IS_NOT_THERE>("keeps_secrets", "no such place");
    found_only_by::<HIDES_WITHOUT_SAYING>("keeps_secrets", "does not say hidden_information");
}

#[test]
fn what_is_not_in_the_state_is_found() {
    found_by::<COUNTS_OUTSIDE_OF_ITS_STATE>("replays_as_played", "the second time");
    found_only_by::<FORGETS_A_FIELD>("survives_json", "the second time");
}

#[test]
fn what_a_game_says_of_itself_is_checked() {
    found_by::<HAS_TOO_FEW_SEATS>("describes_itself", "min_seats");
    found_only_by::<PAUSES_WITHOUT_AN_END>("describes_itself", "without ending(..)");
}
