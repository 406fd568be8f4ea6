//! Whatever is done, in whatever order: money is conserved, turns are kept, rooms end, and the same
//! inputs give the same bytes. The referee knows the room from its events alone.

use crate::actions::{game_move, player, roll, seed_of};
use crate::fairness_of_rooms::{assert_no_seed_is_known_early, transcript};
use crate::public_record::{check, public};
use crate::scene::{GRANT, SECRET, START, Scene, text};
use blazing_sun_domain::fairness::Seed;
use blazing_sun_domain::room::{
    Action, Effects, Input, Measure, PasswordCheck, Room, RoomEvent, RoomStatus,
};
use blazing_sun_domain::{Cents, Millis, SeatedPlayer, UserId};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;
use std::collections::BTreeSet;

const PEOPLE: u64 = 5;

#[derive(Debug, Clone)]
struct Step {
    by: u64,
    /// By the one who may: the host, the one whose turn it is, with the seed committed to.
    is_apt: bool,
    wait_ms: i64,
    action: Action,
}

fn someone() -> impl Strategy<Value = UserId> {
    (1..=PEOPLE).prop_map(|id| UserId::new(id).unwrap())
}

fn measure() -> impl Strategy<Value = Measure> {
    prop_oneof![
        Just(Measure::KickPlayer),
        Just(Measure::KickSpectator),
        Just(Measure::Ban),
        Just(Measure::Unban),
        Just(Measure::Mute),
        Just(Measure::Unmute),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let ready = (any::<bool>(), 1..=PEOPLE).prop_map(|(with_seed, id)| {
        let seed = seed_of(UserId::new(id).unwrap()).commitment();
        Action::Ready {
            is_ready: true,
            seed_commitment: with_seed.then_some(seed),
        }
    });
    let reveal = (1..=PEOPLE).prop_map(|id| Action::RevealSeed {
        client_seed: Seed([id as u8; 32]),
    });
    let join = prop_oneof![Just(PasswordCheck::Absent), Just(PasswordCheck::Match)];
    prop_oneof![
        6 => join.prop_map(|password| Action::Join { password }),
        1 => Just(Action::Leave),
        3 => Just(Action::Spectate { password: PasswordCheck::Absent }),
        1 => Just(Action::StopSpectating),
        1 => Just(Action::BecomePlayer),
        1 => prop::option::of(someone()).prop_map(|target| Action::BecomeSpectator { target }),
        1 => Just(Action::WrongPassword),
        2 => (measure(), someone()).prop_map(|(measure, target)| Action::Moderate { measure, target }),
        1 => Just(Action::Rejoin),
        8 => someone().prop_map(|target| Action::Select { target }),
        2 => someone().prop_map(|target| Action::Deselect { target }),
        8 => ready,
        1 => Just(Action::Ready { is_ready: false, seed_commitment: None }),
        4 => reveal,
        2 => Just(Action::Start),
        1 => any::<bool>().prop_map(|enabled| Action::AutoPlay { enabled }),
        12 => Just(roll()),
        1 => Just(game_move("bigger_dice", "cheat", "{}")),
        3 => someone().prop_map(|user| Action::Disconnected { user }),
        2 => someone().prop_map(|user| Action::Sync { user }),
        3 => Just(Action::Deadline),
        1 => (-10..20_000_i64).prop_map(|by_ms| Action::Shift { by_ms }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![30 => Just(0), 10 => 0..8_000_i64, 1 => 0..70_000_i64];
    let is_apt = prop::bool::weighted(0.8);
    (1..=PEOPLE, is_apt, wait, action()).prop_map(|(by, is_apt, wait_ms, action)| Step {
        by,
        is_apt,
        wait_ms,
        action,
    })
}

impl Step {
    fn resolved(&self, scene: &Scene, referee: &Referee) -> (SeatedPlayer, Action) {
        let (by, mut action) = (player(self.by), self.action.clone());
        if !self.is_apt {
            return (by, action);
        }
        match &mut action {
            Action::Select { .. }
            | Action::Deselect { .. }
            | Action::Moderate { .. }
            | Action::BecomeSpectator { target: Some(_) }
            | Action::Start => {
                let host = scene.room().summary().map(|summary| summary.host_id);
                return (host.map_or(by, |host| player(host.get())), action);
            }
            Action::Move { .. } => {
                let turn = referee.turn.as_ref().map(|turn| turn.parse().unwrap());
                return (turn.map_or(by, player), action);
            }
            Action::Ready {
                seed_commitment: Some(commitment),
                ..
            } => {
                *commitment = seed_of(by.user_id).commitment();
            }
            Action::RevealSeed { client_seed } => *client_seed = seed_of(by.user_id),
            _ => {}
        }
        (by, action)
    }
}

/// Knows who is seated and whose turn it is from the events that all can see.
#[derive(Default)]
struct Referee {
    seated: Vec<String>,
    ready: BTreeSet<String>,
    in_play: bool,
    turn: Option<String>,
    turn_number: u64,
    deadline: Option<String>,
}

impl Referee {
    fn watch(&mut self, events: &[RoomEvent], by: UserId, action: &Action) {
        let turn_before = self.turn_number;
        for event in events {
            let body: Value = serde_json::from_str(event.body.get()).unwrap();
            let id = |value: &Value| value.as_str().unwrap().to_owned();
            match &*event.name {
                "player_selected" => self.seated.push(id(&body["player"]["user_id"])),
                "player_deselected" | "player_left" | "player_kicked" => {
                    assert!(!self.in_play, "a seat is for the whole game");
                    self.seated.retain(|user| *user != id(&body["user_id"]));
                }
                "player_banned" => {
                    let banned = id(&body["user_id"]);
                    assert!(!self.in_play || !self.seated.contains(&banned));
                    self.seated.retain(|user| *user != banned);
                }
                "removed_from_game" => assert!(!self.seated.contains(&id(&body["user_id"]))),
                "game_started" => {
                    let players = body["players"].as_array().unwrap().iter();
                    assert_eq!(
                        players.map(|p| id(&p["user_id"])).collect::<Vec<_>>(),
                        self.seated
                    );
                    assert!(self.seated.iter().all(|user| self.ready.contains(user)));
                    self.in_play = true;
                }
                "turn_changed" => {
                    let number = body["turn_number"].as_u64().unwrap();
                    let user = id(&body["current_turn"]);
                    if number == self.turn_number {
                        assert_eq!(self.turn.as_ref(), Some(&user), "the turn of this number");
                        assert_ne!(self.deadline.as_deref(), body["deadline"].as_str());
                    } else {
                        assert_eq!(number, self.turn_number + 1);
                        assert!(self.seated.contains(&user));
                    }
                    self.turn = Some(user);
                    self.turn_number = number;
                    self.deadline = body["deadline"].as_str().map(str::to_owned);
                }
                "bigger_dice.rolled" => {
                    assert_eq!(
                        self.turn.as_ref(),
                        Some(&id(&body["player_id"])),
                        "out of turn"
                    );
                    if let Action::Move { .. } = action {
                        assert_eq!(self.turn, Some(by.to_string()));
                    }
                }
                "player_ready_changed" => {
                    self.ready.remove(&id(&body["user_id"]));
                    if body["is_ready"] == true {
                        self.ready.insert(id(&body["user_id"]));
                    }
                }
                "seed_renewed" => self.ready.clear(),
                "seed_revealed" => self.in_play = false,
                _ => {}
            }
        }
        let rolled = events
            .iter()
            .any(|event| event.name == "bigger_dice.rolled");
        if rolled && self.in_play {
            assert_eq!(self.turn_number, turn_before + 1, "every roll ends a turn");
        }
    }
}

fn bytes(events: &[RoomEvent]) -> Vec<String> {
    let one = |event: &RoomEvent| {
        let RoomEvent {
            name,
            audience,
            order,
            body,
            membership,
        } = event;
        format!("{name} {audience:?} {order:?} {membership:?} {body}")
    };
    events.iter().map(one).collect()
}

fn played(seats: u32, fee: i64, percent: u8, steps: &[Step]) -> (Scene, Referee) {
    let mut scene = Scene::new();
    let mut referee = Referee::default();
    let create = Action::Create {
        room_id: "room-1".parse().unwrap(),
        game_type: "bigger_dice".into(),
        room_name: "any".into(),
        max_players: Some(seats),
        allow_spectators: true,
        is_password_protected: false,
        entry_fee: Cents(fee),
        prize_percent: percent,
        invites_bot: false,
        seated: Vec::new(),
        limits: Default::default(),
    };
    scene.decide(&player(1), create).unwrap();
    for step in steps {
        scene.now = scene.now.plus(step.wait_ms);
        let (by, action) = step.resolved(&scene, &referee);
        if let Ok(effects) = scene.decide(&by, action.clone()) {
            referee.watch(&effects.events, by.user_id, &action);
        }
        assert_eq!(conserved(&scene), PEOPLE as i64 * GRANT);
    }
    (scene, referee)
}

fn conserved(scene: &Scene) -> i64 {
    let players: i64 = (1..=PEOPLE)
        .map(|id| scene.money.of(UserId::new(id).unwrap()))
        .sum();
    players + scene.money.escrow + scene.money.rake
}

/// Everyone loses the connection, and nobody comes back.
fn deserted(scene: &mut Scene, referee: &mut Referee) {
    for (user, _) in scene.room().members() {
        let (system, gone) = (player(0), Action::Disconnected { user });
        let effects = scene.decide(&system, gone.clone()).unwrap();
        referee.watch(&effects.events, system.user_id, &gone);
    }
    left_alone(scene, referee);
}

/// Fires what is due until the room is over, which it has to be under its deadlines alone.
fn left_alone(scene: &mut Scene, referee: &mut Referee) {
    for _ in 0..10_000 {
        if scene.room().is_over() {
            assert_eq!(scene.room().next_deadline(), None);
            assert_eq!(scene.money.escrow, 0);
            assert_eq!(conserved(scene), PEOPLE as i64 * GRANT);
            return;
        }
        let deadline = scene.room().next_deadline();
        let deadline = deadline.expect("a room that goes on without anyone has a deadline");
        scene.now = deadline.max(scene.now);
        let system = player(0);
        let effects = scene.decide(&system, Action::Deadline).unwrap();
        assert!(effects.changed, "a deadline that is due does something");
        let next = scene.room().next_deadline();
        assert!(
            next.is_none_or(|next| next > scene.now),
            "all of it is done"
        );
        referee.watch(&effects.events, system.user_id, &Action::Deadline);
    }
    panic!("the room does not end");
}

/// From an empty lobby to a running game, all seats taken.
fn opening(seats: u32, with_seeds: bool) -> Vec<Step> {
    let people: Vec<UserId> = (1..=u64::from(seats))
        .map(|id| UserId::new(id).unwrap())
        .collect();
    let password = PasswordCheck::Absent;
    let join = |user: &UserId| (user.get(), Action::Join { password });
    let select = |user: &UserId| (1, Action::Select { target: *user });
    let ready = |user: &UserId| {
        let (is_ready, seed) = (true, seed_of(*user).commitment());
        let seed_commitment = with_seeds.then_some(seed);
        (
            user.get(),
            Action::Ready {
                is_ready,
                seed_commitment,
            },
        )
    };
    let reveal = |user: &UserId| {
        let client_seed = seed_of(*user);
        (user.get(), Action::RevealSeed { client_seed })
    };
    let revealing: &[UserId] = if with_seeds { &people } else { &[] };
    let actions = people[1..]
        .iter()
        .map(join)
        .chain(people.iter().map(select))
        .chain(people.iter().map(ready))
        .chain(revealing.iter().map(reveal));
    let step = |(by, action)| Step {
        by,
        is_apt: false,
        wait_ms: 0,
        action,
    };
    actions.map(step).collect()
}

/// Cuts an opening at its every step, so that each stage is left by all for certain.
#[test]
fn every_stage_ends_when_all_have_gone() {
    let mut left = BTreeSet::new();
    for with_seeds in [false, true] {
        let all = opening(3, with_seeds);
        for done in 0..=all.len() {
            let (mut scene, mut referee) = played(3, 1_000, 80, &all[..done]);
            let saved: Value = serde_json::from_slice(&scene.room().save().unwrap()).unwrap();
            let stage = &saved["stage"];
            let name = stage
                .as_str()
                .or_else(|| stage.as_object()?.keys().next().map(String::as_str));
            left.insert(name.unwrap().to_owned());
            deserted(&mut scene, &mut referee);
        }
    }
    let stages = ["filled", "playing", "revealing", "selecting"];
    assert_eq!(left, stages.map(str::to_owned).into());
}

fn replayed(scene: &Scene, journal: &[Input], reloading: bool) -> (Room, Vec<String>) {
    let (mut room, created) = Room::create(&journal[0], &scene.games, SECRET).unwrap();
    let mut told = bytes(&created.events);
    for input in &journal[1..] {
        if reloading {
            room = Room::load(&room.save().unwrap(), &scene.games, SECRET).unwrap();
        }
        let Effects { events, .. } = room.decide(input, &scene.games).unwrap();
        told.extend(bytes(&events));
    }
    (room, told)
}

/// The same cases in every run, unless `PROPTEST_RNG_SEED` and `PROPTEST_CASES` ask for others.
fn seeded() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 50;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_240_120);
    }
    config
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn whatever_is_done(
        seats in 2..=4_u32,
        fee in prop_oneof![Just(1_000_i64), Just(0), Just(333), Just(4_999)],
        percent in prop_oneof![Just(80_u8), Just(0), Just(100), Just(77)],
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let (mut scene, mut referee) = played(seats, fee, percent, &steps);
        deserted(&mut scene, &mut referee);
        prop_assert!(!referee.in_play, "a game that has begun ends");
        if let Some(transcript) = transcript(&scene) {
            prop_assert_eq!(transcript.verify(), Ok(()));
            let fees = fee * i64::try_from(transcript.seats.len()).unwrap();
            prop_assert_eq!(scene.money.rake, fees - fees * i64::from(percent) / 100);
        } else {
            prop_assert_eq!(scene.money.rake, 0);
        }

        prop_assert_eq!(check(&public(&scene)).wrong, [""; 0]);
        assert_no_seed_is_known_early(&scene);

        // As the journal keeps it: through JSON.
        let journal = serde_json::to_string(&scene.journal).unwrap();
        let journal: Vec<Input> = serde_json::from_str(&journal).unwrap();
        let saved = scene.room().save().unwrap();
        for reloading in [false, true] {
            let (room, told) = replayed(&scene, &journal, reloading);
            let again = room.save().unwrap();
            prop_assert_eq!(text(&again), text(&saved));
            prop_assert_eq!(told, bytes(&scene.events));
        }
    }

    /// Games that are sure to be played, with everything thrown at them.
    #[test]
    fn whatever_is_done_in_play(
        seats in 2..=4_u32,
        with_seeds in any::<bool>(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut all = opening(seats, with_seeds);
        all.extend(steps);
        let (mut scene, mut referee) = played(seats, 1_000, 80, &all);
        prop_assert!(referee.turn_number > 0);
        left_alone(&mut scene, &mut referee);
        prop_assert_eq!(scene.room().status(), RoomStatus::Finished);
        prop_assert_eq!(scene.money.rake, i64::from(seats) * 200);
        prop_assert_eq!(transcript(&scene).unwrap().verify(), Ok(()));
        prop_assert_eq!(check(&public(&scene)).wrong, [""; 0]);
        let (room, told) = replayed(&scene, &scene.journal, true);
        prop_assert_eq!(room.save().unwrap(), scene.room().save().unwrap());
        prop_assert_eq!(told, bytes(&scene.events));
    }

    /// Wherever a room stands when its people are gone, it ends, and nothing stays in escrow.
    #[test]
    fn a_room_that_all_have_gone_from_ends(
        seats in 2..=4_u32,
        with_seeds in any::<bool>(),
        cut in any::<prop::sample::Index>(),
        steps in prop::collection::vec(step(), 0..4),
    ) {
        let mut all = opening(seats, with_seeds);
        all.truncate(cut.index(all.len() + 1));
        all.extend(steps);
        let (mut scene, mut referee) = played(seats, 1_000, 80, &all);
        deserted(&mut scene, &mut referee);
        prop_assert!(scene.room().is_over());
    }

    /// Inputs that no shell would make must be harmless too.
    #[test]
    fn clocks_that_jump_are_harmless(times in prop::collection::vec(any::<i64>(), 1..30)) {
        let mut scene = Scene::after(
            "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
        );
        for time in times {
            scene.now = Millis(time);
            let _ = scene.decide(&player(1), roll());
            let _ = scene.decide(&player(2), Action::AutoPlay { enabled: time % 2 == 0 });
            let _ = scene.decide(&player(0), Action::Shift { by_ms: time });
            let _ = scene.decide(&player(0), Action::Deadline);
        }
    }

    #[test]
    fn bytes_that_are_no_room_are_refused(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let scene = Scene::after(
            "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
        );
        let mut saved = scene.room().save().unwrap();
        let length = saved.len();
        saved[at.index(length)] = byte;
        let _ = Room::load(&saved, &scene.games, SECRET);
        saved.truncate(cut.index(length));
        prop_assert!(Room::load(&saved, &scene.games, SECRET).is_err());
    }
}

#[test]
fn a_copy_goes_its_own_way() {
    let scene = Scene::after("ann create bigger_dice 3; bob join; ann select ann; ann select bob");
    let before = scene.room().save().unwrap();
    let mut copy = scene.room().clone();
    let input = Input {
        now: START,
        by: player(1),
        balances: Vec::new(),
        action: Action::Leave,
    };
    copy.decide(&input, &scene.games).unwrap();
    assert_eq!(scene.room().save().unwrap(), before);
    assert_ne!(copy.save().unwrap(), before);
}

#[test]
fn what_a_later_program_saved_is_not_loaded() {
    let mut scene = Scene::after(
        "ann create bigger_dice 2; bob join; ann select ann; ann select bob; ann ready; bob ready",
    );
    let saved = text(&scene.room().save().unwrap()).to_owned();
    let said = |saved: &str, scene: &Scene| {
        let loaded = Room::load(saved.as_bytes(), &scene.games, SECRET);
        loaded.err().map(|error| error.to_string())
    };
    let later = saved.replacen("\"rules\":1", "\"rules\":2", 1);
    let complaint = "the room was saved with version 2 of the rules, this server knows 1";
    assert_eq!(said(&later, &scene).as_deref(), Some(complaint));
    let later = saved.replacen("\"game_version\":1", "\"game_version\":2", 1);
    let complaint = "the room was saved with version 2 of bigger_dice, this server knows 1";
    assert_eq!(said(&later, &scene).as_deref(), Some(complaint));
    let no_seat = saved.replacen("\"turn\":{\"seat\":0", "\"turn\":{\"seat\":2", 1);
    assert_eq!(
        said(&no_seat, &scene).as_deref(),
        Some("the saved room is not readable")
    );
    scene.games = Default::default();
    let complaint = "the room plays `bigger_dice`, which this server does not have";
    assert_eq!(said(&saved, &scene).as_deref(), Some(complaint));
}
