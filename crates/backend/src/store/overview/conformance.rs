//! What operators read is what owners have committed.

use super::*;
use crate::store::conformance::Subject;
use crate::store::{Listing, ListingChange, RoomArchive, Standing, Store, Writes};
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::{Account, CommandId, SeatedPlayer, Transfer, TransferKind};
use tokio::runtime::Runtime;

const PLAYER: u64 = 7;

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn room(id: &str) -> RoomId {
    id.parse().unwrap()
}

fn listing(id: &str, status: &str) -> ListingChange {
    ListingChange::Put(Listing {
        room_id: room(id),
        room_name: id.to_uppercase(),
        game_type: "g".to_owned(),
        status: status.to_owned(),
        summary: format!(r#"{{"room_id":"{id}"}}"#),
    })
}

fn fee(of: &str, cents: i64) -> Transfer {
    Transfer {
        key: format!("fee/{of}/{PLAYER}/1"),
        kind: TransferKind::Fee,
        from: Account::Player(user(PLAYER)),
        to: Account::Escrow(room(of)),
        amount: Cents(cents),
        room_id: Some(room(of)),
        player: Some(SeatedPlayer::person(user(PLAYER), "P")),
        total_players: None,
    }
}

/// Runs every check, each on a fresh place.
pub fn run<T: Subject>(fresh: impl Fn() -> T) {
    rooms_are_listed_and_found(&fresh());
    money_is_found_and_summed_up(&fresh());
}

fn rooms_are_listed_and_found<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    subject.add_user(&mut store, user(PLAYER), "Ada", "active");
    subject.add_user(&mut store, user(8), "Adam", "active");
    let first = Writes {
        now: Millis(10),
        listings: vec![listing("a", "waiting"), listing("b", "in_progress")],
        members: vec![
            (user(PLAYER), room("a"), Standing::In(Membership::Player)),
            (user(9), room("a"), Standing::In(Membership::Spectator)),
        ],
        ..Writes::default()
    };
    let archive = RoomArchive {
        room_id: room("d"),
        partition: 3,
        game_type: "g".to_owned(),
        room_name: "D".to_owned(),
        game_version: 1,
        rules_version: 1,
        ended: Millis(20),
        sealed_secret: "s".to_owned(),
        journal_digest: None,
        last_inputs: b"{}".to_vec(),
    };
    let second = Writes {
        now: Millis(20),
        listings: vec![listing("c", "waiting")],
        archives: vec![archive],
        ..Writes::default()
    };
    for writes in [first, second] {
        subject.commit(&mut store, &mut by, &writes).unwrap();
    }
    let (overview, runtime) = (subject.overview(), Runtime::new().unwrap());
    let list = |ended, status: Option<&str>, before, limit| {
        let filter = RoomFilter {
            ended,
            status: status.map(str::to_owned),
            game_type: Some("g".to_owned()),
        };
        runtime
            .block_on(overview.rooms(&filter, before, limit))
            .unwrap()
    };
    let ids = |rows: Vec<RoomRow>| {
        let ids = rows.into_iter().map(|row| row.room_id);
        ids.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(list(false, None, None, 10)), "c b a");
    assert_eq!(ids(list(false, Some("waiting"), None, 10)), "c a");
    assert_eq!(ids(list(true, None, None, 10)), "d");
    let page = list(false, None, None, 2);
    let last = page.last().map(|row| (row.at, row.room_id.clone()));
    assert_eq!(ids(list(false, None, last, 2)), "a");
    let found = |id| runtime.block_on(overview.room(&room(id))).unwrap();
    assert_eq!(found("x"), None);
    assert_eq!(found("d").unwrap().status, "ended");
    let listed = found("b").unwrap();
    assert_eq!((listed.at, listed.room_name.as_str()), (Millis(10), "B"));
    assert_eq!(listed.summary.as_deref(), Some(r#"{"room_id":"b"}"#));
    let members = runtime.block_on(overview.members(&room("a"))).unwrap();
    let member = |id, name: Option<&str>, membership: &str| MemberRow {
        user: user(id),
        username: name.map(str::to_owned),
        membership: membership.to_owned(),
    };
    let wanted = [
        member(PLAYER, Some("Ada"), "player"),
        member(9, None, "spectator"),
    ];
    assert_eq!(members, wanted);
    let rooms = runtime.block_on(overview.rooms_of(user(PLAYER))).unwrap();
    assert_eq!(rooms, [("a".to_owned(), "player".to_owned())]);
    let beginning = |name| {
        runtime
            .block_on(overview.users_beginning(name, 10))
            .unwrap()
    };
    assert_eq!(beginning("Ada"), [user(PLAYER), user(8)]);
    assert_eq!(beginning("Adam"), [user(8)]);
    assert_eq!(beginning("%"), []);
}

fn money_is_found_and_summed_up<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let command = CommandId(Uuid::from_u128(5));
    let player = SeatedPlayer::person(user(PLAYER), "P");
    let batches = [
        (1_000, Transfer::demo_grant(player, Cents(100)), None),
        (2_000, fee("a", 60), Some(command)),
        (3_000, fee("b", 15), None),
    ];
    for (now, transfer, command) in batches {
        let writes = Writes {
            now: Millis(now),
            transfers: vec![(transfer, command)],
            ..Writes::default()
        };
        subject.commit(&mut store, &mut by, &writes).unwrap();
    }
    let (overview, runtime) = (subject.overview(), Runtime::new().unwrap());
    let escrow = runtime.block_on(overview.escrow(&room("a"))).unwrap();
    assert_eq!(escrow, Cents(60));
    let kinds = |rows: &[TransferRow]| {
        let rows = rows
            .iter()
            .map(|row| format!("{}={}", row.kind, row.amount));
        rows.collect::<Vec<_>>().join(" ")
    };
    let page = |before| {
        let page = overview.transfers_of_player(user(PLAYER), before, 2);
        let rows = runtime.block_on(page).unwrap();
        let (rows, balances): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        (kinds(&rows), balances, rows.last().map(|row| row.position))
    };
    let (newest, balances, before) = page(None);
    assert_eq!(
        (newest.as_str(), balances),
        ("fee=15 fee=60", vec![Cents(25), Cents(40)])
    );
    let (rest, balances, _) = page(before);
    assert_eq!(
        (rest.as_str(), balances),
        ("demo_grant=100", vec![Cents(100)])
    );
    let room_a = room("a");
    let of_room = overview.transfers_of_room(&room_a, None, 10);
    let of_room = runtime.block_on(of_room).unwrap();
    assert_eq!(kinds(&of_room), "fee=60");
    assert_eq!(of_room[0].correlation_id, Some(command.to_string()));
    let after = |room: Option<&RoomId>, user| {
        let command = command.to_string();
        let rows = overview.transfers_after(&command, room, user, 10);
        kinds(&runtime.block_on(rows).unwrap())
    };
    assert_eq!(after(Some(&room("a")), None), "fee=60");
    assert_eq!(after(None, Some(user(PLAYER))), "fee=60");
    assert_eq!(after(Some(&room("a")), Some(user(PLAYER))), "fee=60");
    assert_eq!(after(Some(&room("b")), None), "");

    let totals = |since| runtime.block_on(overview.totals(Millis(since))).unwrap();
    let name = |name: &str| name.to_owned();
    let all = totals(0);
    assert_eq!(
        all.balances,
        [
            (name("escrow"), 2, Cents(75)),
            (name("player"), 1, Cents(25))
        ]
    );
    assert!(all.house.contains(&(name("demo/mint"), Cents(-100))));
    assert_eq!(
        all.moved,
        [
            (name("demo_grant"), 1, Cents(100)),
            (name("fee"), 2, Cents(75))
        ]
    );
    assert_eq!(totals(2_500).moved, [(name("fee"), 1, Cents(15))]);
    assert_eq!(totals(4_000).moved, []);
}
