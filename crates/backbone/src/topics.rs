//! Every topic and consumer group of the contract, in one table: who writes, who reads, by what key,
//! for how long. A game's payment topics derive from its name.

/// Commands from players.
pub const GAMES_COMMANDS: &str = "games.commands";
/// Events of rooms and answers to players.
pub const GAMES_EVENTS: &str = "games.events";
/// Chat from users.
pub const CHAT_COMMANDS: &str = "chat.commands";
/// Chat to users.
pub const CHAT_EVENTS: &str = "chat.events";
/// Connections and maintenance, both ways.
pub const SYSTEM_EVENTS: &str = "system.events";
/// Who is connected to which gateway.
pub const GATEWAY_PRESENCE: &str = "gateway.presence";
/// Checkout sessions to open.
pub const CHECKOUT_REQUESTS: &str = "checkout.requests";
/// Payments that are not to be made any more.
pub const CHECKOUT_CANCELLATIONS: &str = "checkout.cancellations";
/// What became of them.
pub const CHECKOUT_FINISHED: &str = "checkout.finished";
/// Records that nobody could read.
pub const DEAD_LETTER: &str = "events.dead_letter";

/// How many partitions every topic gets where nothing else is configured.
pub const DEFAULT_PARTITIONS: u32 = 12;

const DAY_MS: i64 = 86_400_000;

/// A program that writes or reads topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Party {
    /// The gateways.
    Gateway,
    /// The backends.
    Backend,
    /// The checkouts.
    Checkout,
}

impl Party {
    /// Every party.
    pub const ALL: [Party; 3] = [Party::Gateway, Party::Backend, Party::Checkout];

    /// Its consumer group.
    pub const fn group(self) -> &'static str {
        match self {
            Party::Gateway => "ws_gateway",
            Party::Backend => "blazing_sun",
            Party::Checkout => "checkout-service",
        }
    }
}

/// What a topic's records are keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRule {
    /// The room's id; the user's where no room is concerned.
    RoomOrUser,
    /// The user's id.
    User,
    /// The user's id; the gateway's for its heartbeat.
    UserOrGateway,
    /// As the record had it that this one is about.
    Original,
}

/// A topic's row in the table. `name` is a whole name, or in [`PAYMENT_TOPICS`] what follows `<game>.`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicRow {
    /// The name, or its end.
    pub name: &'static str,
    /// Who writes it.
    pub writers: &'static [Party],
    /// Who reads it.
    pub readers: &'static [Party],
    /// Its records' keys.
    pub key: KeyRule,
    /// How long records are kept, in milliseconds.
    pub retention_ms: i64,
}

const fn row(
    name: &'static str,
    writers: &'static [Party],
    readers: &'static [Party],
    key: KeyRule,
    retention_days: i64,
) -> TopicRow {
    TopicRow {
        name,
        writers,
        readers,
        key,
        retention_ms: retention_days * DAY_MS,
    }
}

const GATEWAY: &[Party] = &[Party::Gateway];
const BACKEND: &[Party] = &[Party::Backend];
const CHECKOUT: &[Party] = &[Party::Checkout];
const PAYERS: &[Party] = &[Party::Checkout, Party::Backend];
const BOTH: &[Party] = &[Party::Gateway, Party::Backend];
const ALL: &[Party] = &Party::ALL;

/// Every topic whose name does not depend on a game.
pub const TOPICS: &[TopicRow] = &[
    row(GAMES_COMMANDS, BOTH, BACKEND, KeyRule::RoomOrUser, 7),
    row(GAMES_EVENTS, BACKEND, GATEWAY, KeyRule::RoomOrUser, 7),
    row(CHAT_COMMANDS, BOTH, BACKEND, KeyRule::RoomOrUser, 7),
    row(CHAT_EVENTS, BACKEND, GATEWAY, KeyRule::RoomOrUser, 7),
    row(SYSTEM_EVENTS, BOTH, BOTH, KeyRule::User, 7),
    row(
        GATEWAY_PRESENCE,
        GATEWAY,
        BACKEND,
        KeyRule::UserOrGateway,
        7,
    ),
    row(CHECKOUT_REQUESTS, BACKEND, CHECKOUT, KeyRule::User, 7),
    row(CHECKOUT_CANCELLATIONS, BACKEND, CHECKOUT, KeyRule::User, 7),
    // A backend passes on what stands under the wrong key.
    row(CHECKOUT_FINISHED, PAYERS, BACKEND, KeyRule::User, 7),
    row(DEAD_LETTER, ALL, &[], KeyRule::Original, 7),
];

/// What every game has beside these, as `<game>.<name>`.
pub const PAYMENT_TOPICS: &[TopicRow] = &[
    row("participation_payed", BACKEND, CHECKOUT, KeyRule::User, 7),
    row("win_prize", BACKEND, CHECKOUT, KeyRule::User, 7),
    row(
        "participation_refunded",
        BACKEND,
        CHECKOUT,
        KeyRule::User,
        7,
    ),
];

/// A topic as it must exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How long records are kept, in milliseconds; below 0: for ever.
    pub retention_ms: i64,
}

/// `<game>.participation_payed`: an entry fee was taken.
pub fn participation_payed(game: &str) -> String {
    format!("{game}.participation_payed")
}

/// `<game>.win_prize`: a prize was paid.
pub fn win_prize(game: &str) -> String {
    format!("{game}.win_prize")
}

/// `<game>.participation_refunded`: an entry fee was given back.
pub fn participation_refunded(game: &str) -> String {
    format!("{game}.participation_refunded")
}

/// Every row with its topic's whole name, for a server with these games.
pub fn rows<'a>(
    games: &'a [impl AsRef<str>],
) -> impl Iterator<Item = (String, &'static TopicRow)> + 'a {
    let of_games = games.iter().flat_map(|game| {
        PAYMENT_TOPICS
            .iter()
            .map(move |row| (format!("{}.{}", game.as_ref(), row.name), row))
    });
    TOPICS
        .iter()
        .map(|row| (row.name.to_owned(), row))
        .chain(of_games)
}

/// Every topic that a server with these games needs.
pub fn all(games: &[impl AsRef<str>], partitions: u32) -> Vec<TopicSpec> {
    rows(games)
        .map(|(name, row)| TopicSpec {
            name,
            partitions,
            retention_ms: row.retention_ms,
        })
        .collect()
}

/// The topics that a party reads, on a server with these games.
pub fn read_by(party: Party, games: &[impl AsRef<str>]) -> Vec<String> {
    rows(games)
        .filter(|(_, row)| row.readers.contains(&party))
        .map(|(name, _)| name)
        .collect()
}

/// The game whose payments stand on a topic; none where it is another kind of topic.
pub fn game_of_payments(topic: &str) -> Option<&str> {
    PAYMENT_TOPICS
        .iter()
        .find_map(|row| topic.strip_suffix(row.name)?.strip_suffix('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The tables of `kafka_contract.md`, word for word.
    const CONTRACT_TOPICS: [(&str, &str); 10] = [
        ("games.commands", "ws_gateway -> blazing_sun"),
        ("games.events", "blazing_sun -> ws_gateway"),
        ("chat.commands", "ws_gateway -> blazing_sun"),
        ("chat.events", "blazing_sun -> ws_gateway"),
        ("system.events", "bidirectional"),
        ("gateway.presence", "ws_gateway -> blazing_sun"),
        ("checkout.requests", "blazing_sun -> checkout"),
        ("checkout.finished", "checkout -> blazing_sun"),
        ("bigger_dice.participation_payed", "blazing_sun -> checkout"),
        ("bigger_dice.win_prize", "blazing_sun -> checkout"),
    ];
    const CONTRACT_GROUPS: [(&str, &[&str]); 3] = [
        (
            "ws_gateway",
            &["games.events", "chat.events", "system.events"],
        ),
        (
            "blazing_sun",
            &[
                "games.commands",
                "chat.commands",
                "system.events",
                "gateway.presence",
            ],
        ),
        (
            "checkout-service",
            &[
                "checkout.requests",
                "bigger_dice.participation_payed",
                "bigger_dice.win_prize",
            ],
        ),
    ];

    fn party(name: &str) -> Party {
        match name {
            "ws_gateway" => Party::Gateway,
            "blazing_sun" => Party::Backend,
            "checkout" | "checkout-service" => Party::Checkout,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn has_every_topic_of_the_contract_in_its_direction() {
        let rows: Vec<_> = rows(&["bigger_dice"]).collect();
        for (topic, direction) in CONTRACT_TOPICS {
            let (_, row) = rows.iter().find(|(name, _)| name == topic).expect(topic);
            let (from, to) = match direction.split_once(" -> ") {
                Some((from, to)) => (vec![party(from)], vec![party(to)]),
                None => (
                    vec![Party::Gateway, Party::Backend],
                    vec![Party::Gateway, Party::Backend],
                ),
            };
            assert!(
                from.iter().all(|party| row.writers.contains(party)),
                "{topic}"
            );
            assert_eq!(row.readers, to, "{topic}");
        }
    }

    #[test]
    fn has_every_group_of_the_contract_with_its_topics() {
        for (group, topics) in CONTRACT_GROUPS {
            let party = party(group);
            assert_eq!(party.group(), group);
            let read = read_by(party, &["bigger_dice"]);
            for topic in topics {
                assert!(read.iter().any(|found| found == topic), "{group} {topic}");
            }
        }
        assert!(read_by(Party::Backend, &[""; 0]).contains(&"checkout.finished".to_owned()));
        assert!(read_by(Party::Checkout, &[""; 0]).contains(&"checkout.cancellations".to_owned()));
    }

    #[test]
    fn each_game_has_its_payment_topics_and_all_have_the_same_partitions() {
        let all = all(&["bigger_dice", "tic_tac_toe"], 12);
        let names: BTreeSet<_> = all.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        for game in ["bigger_dice", "tic_tac_toe"] {
            for name in [
                participation_payed(game),
                win_prize(game),
                participation_refunded(game),
            ] {
                assert!(names.contains(name.as_str()), "{name}");
                assert_eq!(game_of_payments(&name), Some(game));
            }
        }
        assert!(names.contains("events.dead_letter"));
        assert!(
            TOPICS
                .iter()
                .all(|row| game_of_payments(row.name).is_none())
        );
        assert!(
            all.iter()
                .all(|spec| spec.partitions == 12 && spec.retention_ms == 604_800_000)
        );
    }
}
