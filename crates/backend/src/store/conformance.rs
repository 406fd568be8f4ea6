//! What every store adapter must show: one suite, run by each adapter's tests on a real store.

use super::overview::Overview;
use super::played::{GameTally, PlayedIn};
use super::reads::ReadSide;
use super::wallet::{DisputeRow, TopUp, TopUpStatus, Wallet};
use super::{
    Connection, InboxSnapshot, JournalDigest, Listing, ListingChange, Ownership, PresenceChange,
    QuarantinedRoom, Recipient, RoomArchive, RoomSnapshot, Standing, Store, StoreError,
    WithheldRoom, Writes,
};
use blazing_sun_backbone::messages::{Content, DirectMessage, LobbyMessage};
use blazing_sun_domain::room::Membership;
use blazing_sun_domain::wallet::{Dispute, DisputeFacts, DisputeStage, DisputeState};
use blazing_sun_domain::{
    Account, Cents, Millis, RoomId, SeatedPlayer, Transfer, TransferKind, UserId,
};
use std::sync::LazyLock;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// An adapter under test, over one place that outlives its openings.
pub trait Subject {
    /// The adapter.
    type S: Store;

    /// Opens the place, as a process does at start.
    fn open(&self) -> Self::S;

    /// The read side of the same place.
    fn reads(&self) -> Box<dyn ReadSide>;

    /// What operators read of the same place.
    fn overview(&self) -> Box<dyn Overview>;

    /// Adds an account.
    fn add_user(&self, store: &mut Self::S, user: UserId, username: &str, status: &str);

    /// Commits `writes` with a batch of its own, and settles the batch either way.
    fn commit(
        &self,
        store: &mut Self::S,
        by: &mut Ownership,
        writes: &Writes,
    ) -> Result<(), StoreError>;
}

/// Stores of a single partition are opened for this one.
pub const PARTITION: u32 = 3;

fn user(id: u64) -> UserId {
    UserId::new(id).unwrap()
}

fn room(id: &str) -> RoomId {
    id.parse().unwrap()
}

fn grant(id: u64, cents: i64) -> Transfer {
    let player = SeatedPlayer::person(user(id), "P");
    Transfer::demo_grant(player, Cents(cents))
}

fn fee(key: &str, id: u64, cents: i64) -> Transfer {
    Transfer {
        key: key.to_owned(),
        kind: TransferKind::Fee,
        from: Account::Player(user(id)),
        to: Account::Escrow(room("r")),
        amount: Cents(cents),
        room_id: Some(room("r")),
        player: None,
        total_players: None,
    }
}

fn moves(transfers: impl IntoIterator<Item = Transfer>) -> Writes {
    let transfers = transfers
        .into_iter()
        .map(|transfer| (transfer, None))
        .collect();
    Writes {
        now: Millis(5),
        transfers,
        ..Writes::default()
    }
}

/// Runs the whole suite; each check gets a fresh place.
pub fn run<T: Subject>(fresh: impl Fn() -> T) {
    money_moves_once_and_never_below_zero(&fresh());
    a_failed_commit_leaves_nothing(&fresh());
    an_earlier_owner_is_fenced(&fresh());
    rooms_are_saved_and_archived(&fresh());
    rooms_that_can_not_be_loaded_keep_their_inputs(&fresh());
    a_room_that_can_not_be_loaded_is_read_whole(&fresh());
    the_directory_and_memberships_are_found(&fresh());
    answers_and_connections_come_back(&fresh());
    recipients_are_found(&fresh());
    direct_messages_are_kept_for_both_and_read_once(&fresh());
    a_lobbys_messages_are_kept(&fresh());
    old_messages_are_deleted(&fresh());
    queues_come_back(&fresh());
    payments_disputes_and_wallets_come_back(&fresh());
    a_payment_is_credited_to_one_request(&fresh());
    movements_are_read_with_their_rooms(&fresh());
    rooms_that_were_played_are_read_with_their_players(&fresh());
}

fn money_moves_once_and_never_below_zero<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    assert_eq!(store.balance(user(7)).unwrap(), Cents::ZERO);
    subject
        .commit(
            &mut store,
            &mut by,
            &moves([grant(7, 100), fee("fee/1", 7, 60)]),
        )
        .unwrap();
    assert_eq!(store.balance(user(7)).unwrap(), Cents(40));
    assert!(store.is_transferred("fee/1").unwrap() && !store.is_transferred("fee/2").unwrap());

    let again = subject.commit(&mut store, &mut by, &moves([fee("fee/1", 7, 10)]));
    assert!(again.is_err(), "a key moves money once");
    let too_much = subject.commit(&mut store, &mut by, &moves([fee("fee/2", 7, 41)]));
    assert!(too_much.is_err(), "no player falls below 0");
    let nothing = subject.commit(&mut store, &mut by, &moves([fee("fee/3", 7, 0)]));
    assert!(nothing.is_err(), "a transfer moves something");
    assert_eq!(store.balance(user(7)).unwrap(), Cents(40));

    drop(store);
    let mut store = subject.open();
    let mut by = store.take_over(Millis(2)).unwrap();
    assert_eq!(store.balance(user(7)).unwrap(), Cents(40));
    assert!(
        subject
            .commit(&mut store, &mut by, &moves([fee("fee/1", 7, 1)]))
            .is_err(),
        "nor after a restart"
    );
}

fn a_failed_commit_leaves_nothing<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let before = by;
    let mut writes = moves([grant(7, 100), fee("fee/1", 8, 1)]);
    writes
        .members
        .push((user(7), room("r"), Standing::In(Membership::Player)));
    assert!(subject.commit(&mut store, &mut by, &writes).is_err());
    assert_eq!(by, before, "the fence has not moved");
    assert_eq!(store.balance(user(7)).unwrap(), Cents::ZERO);
    assert!(store.rooms_of(user(7)).unwrap().is_empty());
    assert!(!store.is_transferred("demo_grant/7").unwrap());
    subject
        .commit(&mut store, &mut by, &moves([grant(7, 100)]))
        .unwrap();
    assert_eq!(store.balance(user(7)).unwrap(), Cents(100));
}

fn an_earlier_owner_is_fenced<T: Subject>(subject: &T) {
    let mut old_store = subject.open();
    let mut old = old_store.take_over(Millis(1)).unwrap();
    assert_eq!(old.last_alive, None);
    subject
        .commit(&mut old_store, &mut old, &moves([grant(7, 100)]))
        .unwrap();

    let mut new_store = subject.open();
    let mut new = new_store.take_over(Millis(9)).unwrap();
    assert!(new.epoch > old.epoch);
    assert_eq!(new.batch_no, old.batch_no);
    assert_eq!(
        new.last_alive,
        Some(Millis(5)),
        "the old owner's last sign of life is its last commit"
    );

    let late = subject.commit(&mut old_store, &mut old, &moves([grant(8, 100)]));
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(new_store.balance(user(8)).unwrap(), Cents::ZERO);
    subject
        .commit(&mut new_store, &mut new, &moves([grant(9, 100)]))
        .unwrap();
    assert_eq!(new_store.balance(user(9)).unwrap(), Cents(100));
}

fn snapshot(batch_no: u64, parts: u32, state: &str) -> RoomSnapshot {
    RoomSnapshot {
        room_id: room("r"),
        partition: PARTITION,
        batch_no,
        sealed_secret: "sealed".to_owned(),
        password_mac: Some([7; 32]),
        journal_parts: parts,
        journal_digest: Some(JournalDigest([parts as u8; 32])),
        chat: (batch_no > 1).then(|| format!("chat {batch_no}").into_bytes()),
        state: state.as_bytes().to_vec(),
    }
}

fn archive(id: &str) -> RoomArchive {
    RoomArchive {
        room_id: room(id),
        partition: PARTITION,
        game_type: "g".to_owned(),
        room_name: "Name".to_owned(),
        game_version: 1,
        rules_version: 1,
        ended: Millis(9),
        sealed_secret: "sealed".to_owned(),
        last_inputs: b"c\n".to_vec(),
        journal_digest: Some(JournalDigest([9; 32])),
    }
}

fn rooms_are_saved_and_archived<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let saved = |snapshot, part: Option<&str>| Writes {
        floor: 4,
        rooms: vec![(snapshot, part.map(|part| part.as_bytes().to_vec()))],
        ..Writes::default()
    };
    subject
        .commit(
            &mut store,
            &mut by,
            &saved(snapshot(1, 1, "one"), Some("a\n")),
        )
        .unwrap();
    subject
        .commit(
            &mut store,
            &mut by,
            &saved(snapshot(2, 2, "two"), Some("b\n")),
        )
        .unwrap();
    subject
        .commit(&mut store, &mut by, &saved(snapshot(3, 2, "three"), None))
        .unwrap();
    assert_eq!(store.floor().unwrap(), 4);
    drop(store);
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    assert_eq!(store.rooms().unwrap(), [snapshot(3, 2, "three")]);
    assert_eq!(store.ended_room(&room("r")).unwrap(), None);

    let writes = Writes {
        archives: vec![archive("r")],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert!(store.rooms().unwrap().is_empty());
    assert_eq!(
        store.ended_room(&room("r")).unwrap(),
        Some("Name".to_owned())
    );
    assert_eq!(
        store.archived_inputs(&room("r")).unwrap(),
        Some(b"a\nb\nc\n".to_vec())
    );
}

fn rooms_that_can_not_be_loaded_keep_their_inputs<T: Subject>(subject: &T) {
    let kept = |id: &str, batch_no, since, inputs: &str| QuarantinedRoom {
        room_id: room(id),
        partition: PARTITION,
        batch_no,
        since: Millis(since),
        inputs: inputs.to_owned(),
    };
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    for quarantined in [
        vec![kept("a", 1, 10, ""), kept("b", 1, 10, "one\n")],
        vec![kept("b", 2, 20, "two\n")],
    ] {
        let writes = Writes {
            quarantined,
            ..Writes::default()
        };
        subject.commit(&mut store, &mut by, &writes).unwrap();
    }
    drop(store);
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let [a, b] = [kept("a", 1, 10, ""), kept("b", 2, 10, "one\ntwo\n")];
    assert_eq!(store.quarantined_rooms().unwrap(), [a, b.clone()]);
    let writes = Writes {
        released: vec![room("a"), room("c")],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(store.quarantined_rooms().unwrap(), [b]);
}

fn a_room_that_can_not_be_loaded_is_read_whole<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let payer = SeatedPlayer::person(user(7), "P");
    let fee = |nth| Transfer::fee(room("r"), payer.clone(), nth, Cents(40));
    let refund = Transfer::refund(room("r"), payer.clone(), 1, Cents(40));
    let listing = Listing {
        room_id: room("r"),
        room_name: "Name".to_owned(),
        game_type: "g".to_owned(),
        status: "waiting".to_owned(),
        summary: "{}".to_owned(),
    };
    let kept = QuarantinedRoom {
        room_id: room("r"),
        partition: PARTITION,
        batch_no: 2,
        since: Millis(10),
        inputs: "two\n".to_owned(),
    };
    for (batch_no, part) in [(1, "zero\n"), (2, "one\n")] {
        let saved = snapshot(batch_no, batch_no as u32, "state");
        let writes = Writes {
            rooms: vec![(saved, Some(part.as_bytes().to_vec()))],
            ..Writes::default()
        };
        subject.commit(&mut store, &mut by, &writes).unwrap();
    }
    assert_eq!(store.withheld_room(&room("r")).unwrap(), None);
    let writes = Writes {
        quarantined: vec![
            kept.clone(),
            QuarantinedRoom {
                room_id: room("other"),
                ..kept.clone()
            },
        ],
        listings: vec![ListingChange::Put(listing)],
        members: vec![
            (user(8), room("r"), Standing::In(Membership::Lobby)),
            (user(7), room("r"), Standing::Left),
        ],
        ..moves([grant(7, 100), fee(1), refund, fee(2)])
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    let found = |key: &str, kind: &str| (key.to_owned(), kind.to_owned(), Some(user(7)), Cents(40));
    let right = WithheldRoom {
        snapshot: Some(snapshot(2, 2, "state")),
        saved_inputs: b"zero\none\n".to_vec(),
        kept: kept.clone(),
        listed: Some("waiting".to_owned()),
        members: vec![user(7), user(8)],
        transfers: vec![
            found("fee/r/7/1", "fee"),
            found("refund/r/7/1", "refund"),
            found("fee/r/7/2", "fee"),
        ],
        escrow: Cents(40),
    };
    assert_eq!(store.withheld_room(&room("r")).unwrap(), Some(right));
    let bare = store.withheld_room(&room("other")).unwrap().unwrap();
    assert_eq!((bare.snapshot, bare.listed), (None, None));
    assert_eq!((bare.transfers.len(), bare.escrow), (0, Cents::ZERO));
    let overview = subject.overview();
    let runtime = Runtime::new().unwrap();
    let since = |id| runtime.block_on(overview.quarantined(&room(id))).unwrap();
    assert_eq!((since("other"), since("none")), (Some(Millis(10)), None));
}

fn the_directory_and_memberships_are_found<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let listing = |id: &str, name: &str| {
        ListingChange::Put(Listing {
            room_id: room(id),
            room_name: name.to_owned(),
            game_type: "g".to_owned(),
            status: "waiting".to_owned(),
            summary: "{}".to_owned(),
        })
    };
    let writes = Writes {
        listings: vec![
            listing("a", "One"),
            listing("b", "Two"),
            listing("c", "Two"),
            listing("a", "Uno"),
        ],
        members: vec![
            (user(7), room("a"), Standing::In(Membership::Lobby)),
            (user(7), room("b"), Standing::In(Membership::Player)),
            (user(8), room("b"), Standing::In(Membership::Spectator)),
            (user(7), room("a"), Standing::In(Membership::Player)),
            (user(7), room("b"), Standing::Out),
            (user(9), room("a"), Standing::In(Membership::Player)),
            (user(9), room("a"), Standing::Left),
        ],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert!(store.rooms_named("One").unwrap().is_empty());
    assert_eq!(store.rooms_named("Uno").unwrap(), [room("a")]);
    assert_eq!(store.rooms_named("Two").unwrap(), [room("b"), room("c")]);
    assert_eq!(store.rooms_of(user(7)).unwrap(), [room("a")]);
    assert_eq!(store.rooms_of(user(8)).unwrap(), [room("b")]);
    assert!(store.rooms_of(user(9)).unwrap().is_empty(), "who left");
    let writes = Writes {
        listings: vec![ListingChange::Remove(room("b"))],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(store.rooms_named("Two").unwrap(), [room("c")]);
}

fn answers_and_connections_come_back<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let inbox = |batch_no, answers: &str| InboxSnapshot {
        partition: PARTITION,
        user: user(7),
        batch_no,
        answers: answers.as_bytes().to_vec(),
    };
    let connection = |id: &str| Connection {
        user: user(7),
        gateway_id: "g".to_owned(),
        boot_id: "b".to_owned(),
        connection_id: id.to_owned(),
    };
    let writes = Writes {
        inboxes: vec![inbox(1, "old"), inbox(2, "new")],
        presence: vec![
            PresenceChange::Put(connection("one")),
            PresenceChange::Put(connection("two")),
            PresenceChange::Remove {
                user: user(7),
                connection_id: "one".to_owned(),
            },
        ],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    drop(store);
    let mut store = subject.open();
    assert_eq!(store.inboxes().unwrap(), [inbox(2, "new")]);
    assert_eq!(store.connections().unwrap(), [connection("two")]);
}

fn queues_come_back<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let queue = |game: &str, state: Option<&str>| {
        (
            game.to_owned(),
            state.map(|state| state.as_bytes().to_vec()),
        )
    };
    for queues in [
        vec![queue("a", Some("one")), queue("b", Some("two"))],
        vec![
            queue("a", Some("three")),
            queue("b", None),
            queue("c", None),
        ],
    ] {
        let writes = Writes {
            queues,
            ..Writes::default()
        };
        subject.commit(&mut store, &mut by, &writes).unwrap();
    }
    drop(store);
    let expected = [("a".to_owned(), b"three".to_vec())];
    assert_eq!(subject.open().queues().unwrap(), expected);
}

fn recipients_are_found<T: Subject>(subject: &T) {
    let mut store = subject.open();
    for (id, status) in [(7, "active"), (8, "banned"), (9, "closed")] {
        subject.add_user(&mut store, user(id), "Ann", status);
    }
    let found = |is_active| {
        Some(Recipient {
            username: "Ann".to_owned(),
            is_active,
        })
    };
    assert_eq!(store.recipient(user(7)).unwrap(), found(true));
    assert_eq!(store.recipient(user(8)).unwrap(), found(false));
    assert_eq!(store.recipient(user(9)).unwrap(), found(false));
    assert_eq!(store.recipient(user(10)).unwrap(), None);
}

fn direct(id: u128, from: u64, to: u64, at: i64) -> DirectMessage {
    DirectMessage {
        message_id: Uuid::from_u128(id),
        sender_id: user(from),
        sender_username: format!("P{from}"),
        recipient_id: user(to),
        recipient_username: format!("P{to}"),
        content: Content(format!("message {id}")),
        timestamp: Millis(at),
    }
}

fn in_lobby(id: u128, lobby_id: &str, at: i64) -> LobbyMessage {
    LobbyMessage {
        lobby_id: lobby_id.to_owned(),
        message_id: Uuid::from_u128(id),
        user_id: user(7),
        username: "P7".to_owned(),
        content: Content(format!("message {id}")),
        timestamp: Millis(at),
    }
}

/// Reads may keep connections, which live on the runtime that they were made on.
fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(future)
}

/// The ids of a user's messages, newest first, and which of them are read.
fn messages_of<T: Subject>(subject: &T, id: u64, before: Option<i64>) -> Vec<(u128, bool)> {
    let found = wait(subject.reads().direct_messages(user(id), before, 3));
    let found = found.unwrap().into_iter().map(|placed| placed.message);
    found
        .map(|(message, read_at)| (message.message_id.as_u128(), read_at.is_some()))
        .collect()
}

fn direct_messages_are_kept_for_both_and_read_once<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let first = direct(1, 7, 8, 5);
    let writes = Writes {
        now: Millis(5),
        direct_messages: vec![
            first.clone(),
            direct(2, 8, 7, 5),
            direct(3, 9, 8, 5),
            direct(4, 7, 8, 5),
        ],
        // Of another's and of none, nothing.
        messages_read: vec![
            (user(8), vec![Uuid::from_u128(4), Uuid::from_u128(99)]),
            (user(9), vec![Uuid::from_u128(1)]),
            (user(7), vec![Uuid::from_u128(1)]),
        ],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(
        messages_of(subject, 7, None),
        [(4, true), (2, false), (1, false)]
    );
    assert_eq!(
        messages_of(subject, 8, None),
        [(4, true), (3, false), (2, false)],
        "no more than asked for"
    );
    assert_eq!(messages_of(subject, 9, None), [(3, false)]);
    assert_eq!(messages_of(subject, 10, None), []);
    let reads = subject.reads();
    let page = wait(reads.direct_messages(user(8), None, 3)).unwrap();
    let rest = wait(reads.direct_messages(user(8), Some(page[2].position), 3)).unwrap();
    let rest: Vec<_> = rest.into_iter().map(|placed| placed.message).collect();
    assert_eq!(rest, [(first, None)]);
    let unread = |id| wait(reads.unread_messages(user(id))).unwrap();
    assert_eq!((unread(7), unread(8), unread(9)), (1, 2, 0));

    let twice = Writes {
        direct_messages: vec![direct(1, 7, 8, 5)],
        ..Writes::default()
    };
    let twice = subject.commit(&mut store, &mut by, &twice);
    assert!(twice.is_err(), "a message is written once");
    let writes = Writes {
        now: Millis(9),
        messages_read: vec![(user(8), vec![Uuid::from_u128(4), Uuid::from_u128(1)])],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(unread(8), 1);
    let read = wait(reads.direct_messages(user(8), None, 1)).unwrap();
    assert_eq!(
        read[0].message.1,
        Some(Millis(5)),
        "the first reading counts"
    );
}

fn a_lobbys_messages_are_kept<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let writes = Writes {
        lobby_messages: vec![
            in_lobby(1, "main", 5),
            in_lobby(2, "other", 5),
            in_lobby(3, "main", 5),
        ],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    let of_lobby = |before, limit| {
        let found = wait(subject.reads().lobby_messages("main", before, limit));
        found.unwrap()
    };
    let all = of_lobby(None, 9);
    let messages: Vec<_> = all.iter().map(|placed| placed.message.clone()).collect();
    assert_eq!(messages, [in_lobby(3, "main", 5), in_lobby(1, "main", 5)]);
    assert_eq!(of_lobby(None, 1), all[..1]);
    assert_eq!(of_lobby(Some(all[0].position), 9), all[1..]);
}

fn old_messages_are_deleted<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let writes = Writes {
        direct_messages: vec![direct(1, 7, 8, 5), direct(2, 7, 8, 6)],
        lobby_messages: vec![in_lobby(1, "main", 5), in_lobby(2, "main", 6)],
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    let writes = Writes {
        messages_kept_from: Some(Millis(6)),
        ..Writes::default()
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(messages_of(subject, 7, None), [(2, false)]);
    let left = wait(subject.reads().lobby_messages("main", None, 9)).unwrap();
    assert_eq!(left.len(), 1);
}

fn top_up(id: u128, of: u64, status: TopUpStatus) -> TopUp {
    TopUp {
        request_id: Uuid::from_u128(id),
        user: user(of),
        amount: Cents(2_500),
        currency: "eur".to_owned(),
        status,
        session_id: None,
        session_url: None,
        payment_intent_id: None,
        payment: None,
        refunded: Cents::ZERO,
        requested: Millis(5),
        finished: None,
        error: None,
    }
}

fn payments(rows: impl IntoIterator<Item = TopUp>) -> Writes {
    Writes {
        now: Millis(5),
        top_ups: rows.into_iter().map(|row| (row.request_id, row)).collect(),
        ..Writes::default()
    }
}

fn ids(rows: &[TopUp]) -> Vec<u128> {
    let mut ids: Vec<_> = rows.iter().map(|row| row.request_id.as_u128()).collect();
    ids.sort_unstable();
    ids
}

fn payments_disputes_and_wallets_come_back<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    assert_eq!(store.top_up(Uuid::from_u128(1)).unwrap(), None);
    assert_eq!(store.wallet(user(7)).unwrap(), None);
    assert_eq!(store.disputes(Uuid::from_u128(1)).unwrap(), []);
    let paid = |id, finished| TopUp {
        payment: Some(format!("pi_{id}")),
        finished: Some(Millis(finished)),
        ..top_up(id, 7, TopUpStatus::Success)
    };
    let failed = TopUp {
        finished: Some(Millis(9)),
        ..top_up(5, 7, TopUpStatus::Failed)
    };
    let mut writes = payments([
        top_up(1, 7, TopUpStatus::Requested),
        top_up(2, 7, TopUpStatus::SessionCreated),
        paid(3, 10),
        paid(4, 11),
        failed,
        top_up(6, 8, TopUpStatus::Requested),
    ]);
    let mut wallet = Wallet::of(user(7));
    writes.wallets.insert(user(7), wallet.clone());
    let mut row = DisputeRow {
        request_id: Uuid::from_u128(3),
        dispute_id: "du_1".to_owned(),
        user: user(7),
        dispute: Dispute {
            key: DisputeRow::key(Uuid::from_u128(3), "du_1"),
            amount: Cents(2_500),
            facts: DisputeFacts::default().with(DisputeStage::Created, None),
            state: DisputeState::Held,
            held: Cents(7),
            short: Cents::ZERO,
        },
    };
    let key = (row.request_id, row.dispute_id.clone());
    writes.disputes.insert(key.clone(), row.clone());
    subject.commit(&mut store, &mut by, &writes).unwrap();
    assert_eq!(store.wallet(user(7)).unwrap().as_ref(), Some(&wallet));
    assert_eq!(store.disputes(row.request_id).unwrap(), [row.clone()]);
    let counted = store.counted_top_ups(user(7), Millis(10)).unwrap();
    assert_eq!(ids(&counted), [1, 2, 4]);

    let moved_on = TopUp {
        session_id: Some("cs_1".to_owned()),
        session_url: Some("https://pay.example".to_owned()),
        payment_intent_id: Some("pi_1".to_owned()),
        refunded: Cents(100),
        error: Some("why".to_owned()),
        ..paid(1, 12)
    };
    let mut writes = payments([moved_on.clone()]);
    wallet.owed = Cents(9);
    wallet.limits.week.set(Some(Cents(500)), Millis(5));
    wallet.limits.week.set(None, Millis(6));
    wallet.excluded_until = Some(Millis(77));
    writes.wallets.insert(user(7), wallet.clone());
    row.dispute.state = DisputeState::Out;
    row.dispute.facts = row.dispute.facts.with(DisputeStage::FundsWithdrawn, None);
    (row.dispute.held, row.dispute.short) = (Cents::ZERO, Cents(2_493));
    writes.disputes.insert(key, row.clone());
    subject.commit(&mut store, &mut by, &writes).unwrap();
    drop(store);

    let mut store = subject.open();
    assert_eq!(
        store.top_up(moved_on.request_id).unwrap().as_ref(),
        Some(&moved_on)
    );
    assert_eq!(store.disputes(row.request_id).unwrap(), [row]);
    assert_eq!(store.wallet(user(7)).unwrap().as_ref(), Some(&wallet));
    let reads = subject.reads();
    assert_eq!(
        wait(reads.top_up(moved_on.request_id)).unwrap(),
        Some(moved_on)
    );
    let (found, counted) = wait(reads.limits(user(7), Millis(11))).unwrap();
    assert_eq!((found, ids(&counted)), (Some(wallet), vec![1, 2]));
    let (found, counted) = wait(reads.limits(user(8), Millis(11))).unwrap();
    assert_eq!((found, ids(&counted)), (None, vec![6]));
}

fn a_payment_is_credited_to_one_request<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let paid = |id| TopUp {
        payment: Some("pi_1".to_owned()),
        ..top_up(id, 7, TopUpStatus::Success)
    };
    subject
        .commit(&mut store, &mut by, &payments([paid(1)]))
        .unwrap();
    let twice = subject.commit(&mut store, &mut by, &payments([paid(2)]));
    assert!(twice.is_err_and(|error| error.is_of_what_was_written()));
    assert_eq!(store.top_up(Uuid::from_u128(2)).unwrap(), None);
    assert_eq!(store.top_up(Uuid::from_u128(1)).unwrap(), Some(paid(1)));
    let too_much = TopUp {
        refunded: Cents(2_501),
        ..paid(1)
    };
    assert!(
        subject
            .commit(&mut store, &mut by, &payments([too_much]))
            .is_err()
    );
}

fn movements_are_read_with_their_rooms<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    let fee = |id: &str, cents| {
        Transfer::fee(
            room(id),
            SeatedPlayer::person(user(7), "P"),
            1,
            Cents(cents),
        )
    };
    let listing = Listing {
        room_id: room("listed"),
        room_name: "Two".to_owned(),
        game_type: "h".to_owned(),
        status: "in_progress".to_owned(),
        summary: "{}".to_owned(),
    };
    let writes = Writes {
        archives: vec![archive("ended")],
        listings: vec![ListingChange::Put(listing)],
        ..moves([
            grant(7, 100),
            fee("ended", 60),
            fee("listed", 5),
            fee("gone", 6),
            grant(8, 9),
        ])
    };
    subject.commit(&mut store, &mut by, &writes).unwrap();
    let reads = subject.reads();
    let read = |before, limit| wait(reads.movements(user(7), before, limit)).unwrap();
    let all = read(None, 9);
    let known = all.iter().map(|each| {
        let of = [&each.room_id, &each.game_type, &each.room_name];
        (each.change.0, of.map(Option::as_deref))
    });
    assert_eq!(
        known.collect::<Vec<_>>(),
        [
            (-6, [Some("gone"), None, None]),
            (-5, [Some("listed"), Some("h"), Some("Two")]),
            (-60, [Some("ended"), Some("g"), Some("Name")]),
            (100, [None, None, None]),
        ]
    );
    assert_eq!(read(Some(all[0].position), 2), all[1..3]);
}

fn rooms_that_were_played_are_read_with_their_players<T: Subject>(subject: &T) {
    let mut store = subject.open();
    let mut by = store.take_over(Millis(1)).unwrap();
    subject.add_user(&mut store, user(7), "Ada", "active");
    let person = |id| SeatedPlayer::person(user(id), "P");
    let fee = |id: &str, of, nth| Transfer::fee(room(id), person(of), nth, Cents(10));
    let back = |id: &str, of, nth| Transfer::refund(room(id), person(of), nth, Cents(10));
    let mut commit = |now, transfers: Vec<Transfer>, archives| {
        let writes = Writes {
            now: Millis(now),
            archives,
            ..moves(transfers)
        };
        subject.commit(&mut store, &mut by, &writes).unwrap();
    };
    let of_game = |id: &str, game: &str| RoomArchive {
        game_type: game.to_owned(),
        ..archive(id)
    };
    commit(5, vec![grant(7, 100), grant(8, 100), grant(9, 100)], vec![]);
    // Each paid and had it back before play; then two of them played, and 7 won.
    let selected = vec![fee("won", 9, 1), fee("won", 7, 1), fee("won", 8, 1)];
    commit(6, selected, vec![]);
    let given_back = vec![back("won", 9, 1), back("won", 7, 1)];
    commit(7, given_back, vec![]);
    let won = vec![
        fee("won", 7, 2),
        Transfer::prize(room("won"), person(7), Cents(16), 2),
    ];
    commit(9, won, vec![of_game("won", "g")]);
    commit(
        9,
        vec![fee("lost", 8, 1), fee("lost", 7, 1)],
        vec![of_game("lost", "h")],
    );
    let drawn = vec![fee("drawn", 7, 1), fee("drawn", 8, 1)];
    commit(8, drawn, vec![]);
    let drawn = vec![back("drawn", 7, 1), back("drawn", 8, 1)];
    commit(9, drawn, vec![of_game("drawn", "g")]);
    // Alone, and gone before anything was played for; and a room that still runs.
    commit(8, vec![fee("left", 7, 1)], vec![]);
    commit(9, vec![back("left", 7, 1)], vec![of_game("left", "g")]);
    commit(9, vec![fee("runs", 7, 1), fee("runs", 8, 1)], vec![]);

    let reads = subject.reads();
    let read =
        |of, within: PlayedIn, before| wait(reads.played(user(of), &within, before, 9)).unwrap();
    let all = read(7, PlayedIn::AnyGame, None);
    let seats = |at: usize| -> Vec<_> {
        let seats = all[at].players.iter();
        seats
            .map(|seat| {
                let money = (seat.paid.0, seat.returned.0, seat.won.0);
                (seat.user.get(), seat.username.as_deref(), money)
            })
            .collect()
    };
    let ids: Vec<_> = all.iter().map(|room| room.room_id.as_str()).collect();
    assert_eq!(ids, ["drawn", "lost", "won"]);
    assert_eq!(
        seats(0),
        [(7, Some("Ada"), (10, 10, 0)), (8, None, (10, 10, 0))]
    );
    assert_eq!(
        seats(1),
        [(8, None, (10, 0, 0)), (7, Some("Ada"), (10, 0, 0))]
    );
    assert_eq!(
        seats(2),
        [(8, None, (10, 0, 0)), (7, Some("Ada"), (10, 0, 16))]
    );
    assert_eq!((all[0].seated, all[0].ended), (Millis(8), Millis(9)));
    assert_eq!((&*all[0].room_name, &*all[0].game_type), ("Name", "g"));
    assert_eq!(read(7, PlayedIn::AnyGame, Some(all[0].position)), all[1..]);
    assert_eq!(read(7, PlayedIn::Game("h".to_owned()), None), all[1..2]);
    assert_eq!(read(7, PlayedIn::Room(room("won")), None), all[2..]);
    assert_eq!(read(9, PlayedIn::AnyGame, None), []);
    assert_eq!(read(9, PlayedIn::Room(room("won")), None), []);

    let tally = |game: &str, played, won, returned, paid, prizes| GameTally {
        game_type: game.to_owned(),
        played,
        won,
        returned,
        paid: Cents(paid),
        prizes: Cents(prizes),
    };
    assert_eq!(
        wait(reads.tally(user(7))).unwrap(),
        [tally("g", 1, 1, 1, 10, 16), tally("h", 1, 0, 0, 10, 0)]
    );
    assert_eq!(wait(reads.tally(user(9))).unwrap(), []);

    let ended = wait(reads.ended_room(&room("won"))).unwrap().unwrap();
    let stored = of_game("won", "g");
    assert_eq!(
        (ended.game_type, ended.sealed_secret, ended.last_inputs),
        (stored.game_type, stored.sealed_secret, stored.last_inputs)
    );
    assert_eq!((ended.game_version, ended.rules_version), (1, 1));
    assert_eq!(wait(reads.ended_room(&room("runs"))).unwrap(), None);
}
