use super::*;

const PACE: Duration = Duration::from_millis(700);

struct Game {
    bot: Player,
    now: Instant,
    seq: u64,
}

fn person(id: &str) -> Value {
    json!({ "user_id": id, "username": id, "is_ready": false })
}

fn bot() -> Value {
    json!({ "user_id": "1", "username": "House bot", "is_ready": false, "is_bot": true })
}

/// The bot has joined the room of 7, who waits there.
fn joined() -> Game {
    let mut game = Game {
        bot: Player::new("1".to_owned(), PACE),
        now: Instant::now(),
        seq: 4,
    };
    let change = game.state("waiting", json!([]), json!([person("7"), bot()]));
    assert_eq!(change, Some(is_in()));
    game
}

fn is_in() -> Change {
    Change::In {
        room_id: "r".to_owned(),
        host_id: "7".to_owned(),
        fee_cents: 1_000,
    }
}

fn out(rests_for: Duration) -> Option<Change> {
    let room_id = "r".to_owned();
    Some(Change::Out { room_id, rests_for })
}

impl Game {
    fn state(&mut self, status: &str, players: Value, lobby: Value) -> Option<Change> {
        let room = json!({
            "room_id": "r", "game_type": "bigger_dice", "status": status, "host_id": "7",
            "players": players, "lobby": lobby, "player_count": 2, "room_seq": self.seq,
            "entry_fee_cents": 1_000, "seed_commitment": "c1",
            "current_turn": if status == "in_progress" { json!("1") } else { Value::Null },
            "turn_number": 3,
        });
        let frame = json!({ "type": "games.event.room_state", "room_id": "r", "room": room });
        self.bot.take(&frame, self.now)
    }

    fn event(&mut self, kind: &str, mut fields: Value) -> Option<Change> {
        self.seq += 1;
        fields["type"] = format!("games.event.{kind}").into();
        fields["room_id"] = "r".into();
        fields["room_seq"] = self.seq.into();
        self.bot.take(&fields, self.now)
    }

    /// What is sent now, without waiting.
    fn at_once(&mut self) -> Vec<String> {
        let due = self.bot.due(self.now).into_iter();
        due.map(|wanted| wanted.name).collect()
    }

    /// What is sent after the pause that people see, and not before it.
    fn after_a_pause(&mut self) -> Vec<String> {
        assert_eq!(self.at_once(), Vec::<String>::new());
        self.now += PACE;
        self.at_once()
    }

    fn select_both(&mut self) {
        self.event("player_selected", json!({ "player": bot() }));
        self.event("player_selected", json!({ "player": person("7") }));
        self.event("seed_renewed", json!({}));
        self.event("game_starting", json!({ "players": [bot(), person("7")] }));
    }

    fn play(&mut self) {
        self.select_both();
        assert_eq!(self.after_a_pause(), ["ready"]);
        self.event(
            "player_ready_changed",
            json!({ "user_id": "1", "is_ready": true }),
        );
        self.event("game_started", json!({}));
    }

    fn turn(&mut self, user: &str, number: u64) {
        self.event(
            "turn_changed",
            json!({ "current_turn": user, "turn_number": number }),
        );
    }
}

#[test]
fn it_says_ready_once_selected_and_again_after_every_change() {
    let mut game = joined();
    assert_eq!(game.after_a_pause(), Vec::<String>::new());
    game.event("player_selected", json!({ "player": bot() }));
    game.event("seed_renewed", json!({}));
    assert_eq!(game.after_a_pause(), ["ready"]);
    assert_eq!(game.after_a_pause(), Vec::<String>::new(), "asked already");
    game.event(
        "player_ready_changed",
        json!({ "user_id": "1", "is_ready": true }),
    );
    game.event("player_selected", json!({ "player": person("7") }));
    game.event("seed_renewed", json!({}));
    assert_eq!(game.after_a_pause(), ["ready"]);
}

#[test]
fn it_moves_once_in_each_of_its_turns() {
    let mut game = joined();
    game.play();
    game.turn("7", 1);
    assert_eq!(game.after_a_pause(), Vec::<String>::new());
    game.turn("1", 2);
    assert_eq!(game.after_a_pause(), ["bigger_dice.roll"]);
    game.turn("1", 2);
    assert_eq!(
        game.after_a_pause(),
        Vec::<String>::new(),
        "its deadline moved"
    );
    game.turn("1", 3);
    assert_eq!(game.after_a_pause(), ["bigger_dice.roll"]);
    assert_eq!(game.event("seed_revealed", json!({})), out(REST));
    assert!(!game.bot.is_in("r") && game.bot.next_due().is_none());
}

#[test]
fn it_makes_room_for_a_second_person_while_seats_are_open() {
    let mut game = joined();
    game.event("player_selected", json!({ "player": bot() }));
    game.event("lobby_joined", json!({ "player": person("8") }));
    assert_eq!(game.at_once(), ["leave_room"]);
    assert_eq!(game.after_a_pause(), Vec::<String>::new(), "asked already");
    game.event("player_left", json!({ "user_id": "1" }));
    assert!(!game.bot.is_in("r"));
}

#[test]
fn it_stays_when_the_second_person_has_got_no_seat_or_is_a_bot() {
    let mut game = joined();
    game.event(
        "lobby_joined",
        json!({ "player": { "user_id": "2", "is_bot": true } }),
    );
    assert_eq!(game.at_once(), Vec::<String>::new());
    game.event("player_selected", json!({ "player": bot() }));
    game.event("lobby_joined", json!({ "player": person("8") }));
    game.event("player_selected", json!({ "player": person("7") }));
    game.event("game_starting", json!({}));
    assert_eq!(game.after_a_pause(), ["ready"]);
    game.event("player_deselected", json!({ "user_id": "7" }));
    assert_eq!(game.at_once(), Vec::<String>::new(), "8 is gone");
}

#[test]
fn it_leaves_with_the_last_person_and_when_nothing_comes_of_it() {
    let mut game = joined();
    game.event("player_left", json!({ "user_id": "7" }));
    assert_eq!(game.at_once(), ["leave_room"]);
    let mut game = joined();
    game.event("host_changed", json!({ "host_id": "1" }));
    assert_eq!(game.at_once(), ["leave_room"]);
    let mut game = joined();
    assert_eq!(game.bot.next_due(), Some(game.now + PATIENCE));
    game.now += PATIENCE;
    assert_eq!(game.at_once(), ["leave_room"]);
    assert_eq!(game.bot.next_due(), None);
}

#[test]
fn it_does_not_leave_a_game_that_is_about_to_start() {
    let mut game = joined();
    game.select_both();
    game.event("lobby_joined", json!({ "player": person("8") }));
    assert_eq!(game.after_a_pause(), ["ready"]);
    game.event(
        "player_ready_changed",
        json!({ "user_id": "1", "is_ready": true }),
    );
    game.now += PATIENCE;
    assert_eq!(game.at_once(), Vec::<String>::new());
    assert_eq!(game.bot.next_due(), None, "nothing to wake up for");
    game.event("player_left", json!({ "user_id": "8" }));
    game.event("player_deselected", json!({ "user_id": "7" }));
    assert_eq!(game.at_once(), ["leave_room"], "a seat is open again");
}

#[test]
fn it_does_not_leave_while_seeds_are_asked_for_though_seats_are_free() {
    let mut game = joined();
    game.event("player_selected", json!({ "player": bot() }));
    game.event("seeds_requested", json!({ "seed_commitment": "c1" }));
    game.event("lobby_joined", json!({ "player": person("8") }));
    assert_eq!(game.after_a_pause(), ["ready"]);
    game.now += PATIENCE;
    assert_eq!(game.at_once(), Vec::<String>::new());
    assert_eq!(game.bot.next_due(), None, "nothing to wake up for");
    game.state("waiting", json!([bot()]), json!([person("7"), person("8")]));
    assert_eq!(game.at_once(), Vec::<String>::new(), "the same phase");
    game.event("seed_renewed", json!({ "seed_commitment": "c2" }));
    assert_eq!(game.at_once(), ["leave_room"]);

    let mut game = joined();
    game.event("seeds_requested", json!({ "seed_commitment": "c0" }));
    let lobby = json!([person("7"), person("8"), bot()]);
    game.state("waiting", json!([]), lobby);
    assert_eq!(game.at_once(), ["leave_room"], "a phase that is past");
}

#[test]
fn after_a_restart_it_goes_on_from_the_rooms_state() {
    let mut game = joined();
    game.bot = Player::new("1".to_owned(), PACE);
    game.state("in_progress", json!([bot(), person("7")]), json!([]));
    assert_eq!(game.after_a_pause(), ["bigger_dice.roll"]);
    assert_eq!(game.bot.seen(), [json!({ "room_id": "r", "room_seq": 4 })]);
    assert_eq!(game.bot.rooms(), [is_in()]);
    game.state("in_progress", json!([bot(), person("7")]), json!([]));
    assert_eq!(
        game.after_a_pause(),
        Vec::<String>::new(),
        "still waited for"
    );
    game.bot.ask_anew("r", game.now);
    assert_eq!(game.after_a_pause(), ["bigger_dice.roll"]);
    game.state("finished", json!([bot(), person("7")]), json!([]));
    assert!(!game.bot.is_in("r"));
}

#[test]
fn a_refusal_is_tried_again_later_and_a_lost_room_is_forgotten() {
    let mut game = joined();
    game.play();
    game.turn("1", 2);
    assert_eq!(game.after_a_pause(), ["bigger_dice.roll"]);
    assert_eq!(game.bot.answered("r", None, false, game.now), None);
    assert_eq!(game.after_a_pause(), Vec::<String>::new());
    game.bot.answered("r", Some("internal"), false, game.now);
    assert_eq!(game.after_a_pause(), Vec::<String>::new());
    game.now += AGAIN_AFTER;
    assert_eq!(game.at_once(), ["bigger_dice.roll"]);
    let lost = game.bot.answered("r", Some("not_in_room"), false, game.now);
    assert_eq!(lost, out(REST));
    assert!(!game.bot.is_in("r"));
}

#[test]
fn a_refused_leave_is_tried_again_after_a_pause() {
    let mut game = joined();
    game.now += PATIENCE;
    assert_eq!(game.at_once(), ["leave_room"]);
    game.bot.answered("r", Some("internal"), false, game.now);
    game.event("lobby_joined", json!({ "player": person("8") }));
    assert_eq!(game.at_once(), Vec::<String>::new());
    assert_eq!(game.bot.next_due(), Some(game.now + AGAIN_AFTER));
    game.now += AGAIN_AFTER;
    assert_eq!(game.at_once(), ["leave_room"]);
}

#[test]
fn a_host_who_does_not_want_it_is_left_in_peace() {
    for kind in ["player_kicked", "player_banned"] {
        let mut game = joined();
        assert_eq!(game.event(kind, json!({ "user_id": "8" })), None);
        assert_eq!(
            game.event(kind, json!({ "user_id": "1" })),
            out(REST_UNWELCOME)
        );
        let mut refused = |code| game.bot.answered("r", Some(code), false, game.now);
        assert_eq!(refused("banned"), out(REST_UNWELCOME));
        assert_eq!(refused("room_full"), out(REST));
        let room_id = "r".to_owned();
        assert_eq!(refused("room_not_found"), Some(Change::Gone { room_id }));
    }
}
