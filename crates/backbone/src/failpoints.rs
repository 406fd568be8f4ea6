//! Where a fault run kills the process, and the faults that it plants: with the build feature
//! `failpoints` alone. Without it [`crate::kill_point`] is nothing and [`crate::is_planted`] is `false`.

/// Aborts the process here if this is the hit that `BLAZING_SUN_FAILPOINT` names.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! kill_point {
    ($point:ident) => {
        $crate::failpoints::KillPoint::$point.hit()
    };
}

/// Aborts the process here if this is the hit that `BLAZING_SUN_FAILPOINT` names.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! kill_point {
    ($point:ident) => {};
}

/// Whether a fault is planted and strikes this time.
#[cfg(feature = "failpoints")]
#[macro_export]
macro_rules! is_planted {
    ($fault:ident) => {
        $crate::failpoints::Fault::$fault.strikes()
    };
}

/// Whether a fault is planted and strikes this time.
#[cfg(not(feature = "failpoints"))]
#[macro_export]
macro_rules! is_planted {
    ($fault:ident) => {
        false
    };
}

#[cfg(feature = "failpoints")]
pub use planted::*;

#[cfg(feature = "failpoints")]
mod planted {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// `K2:17` aborts at the 17th hit of K2; `K2:17:freeze` stops the process there, until SIGCONT.
    pub const KILL_VARIABLE: &str = "BLAZING_SUN_FAILPOINT";
    /// `transfer_doubled:3` strikes the third time that it could, `dedupe_off` every time.
    pub const FAULT_VARIABLE: &str = "BLAZING_SUN_FAULT";
    /// `100` puts an unreadable record behind every 100th that the engine takes.
    pub const POISON_VARIABLE: &str = "BLAZING_SUN_POISON";

    static SET: OnceLock<Planted> = OnceLock::new();
    static KILL_HITS: AtomicU64 = AtomicU64::new(0);
    static FAULT_CHANCES: AtomicU64 = AtomicU64::new(0);
    static TAKEN: AtomicU64 = AtomicU64::new(0);

    macro_rules! named {
        ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $name:ident => $text:literal,)* }) => {
            $(#[$about])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub enum $kind { $($(#[$doc])* $name,)* }

            impl $kind {
                /// All of them.
                pub const ALL: &'static [$kind] = &[$($kind::$name,)*];

                /// As the environment names it.
                pub fn as_str(self) -> &'static str {
                    match self { $($kind::$name => $text,)* }
                }
            }
        };
    }

    named! {
        /// Where the process can be killed.
        KillPoint {
            /// Records are taken, their transaction has not begun.
            Taken => "K1",
            /// Everything of a batch is written, and not committed.
            Written => "K2",
            /// A batch is committed, nobody has heard of it.
            Committed => "K3",
            /// A batch's records are with the producer, and not acknowledged.
            Produced => "K4",
            /// All records of a batch are acknowledged, which is written nowhere.
            Acknowledged => "K5",
            /// Partitions come or go.
            Rebalanced => "K6",
            /// A webhook is kept, and not answered.
            WebhookKept => "K7",
            /// The payment provider has answered, which is written nowhere.
            ProviderAnswered => "K8",
            /// The gateway has an event and has written it to no socket.
            Routed => "K9",
        }
    }

    named! {
        /// What can be made to go wrong, so that checkers can be seen to notice.
        Fault {
            /// A repeated command is decided again.
            DedupeOff => "dedupe_off",
            /// A fee is written twice, balances included, under another key.
            TransferDoubled => "transfer_doubled",
            /// Money that was paid in is credited twice, balances included, under another key.
            CreditDoubled => "credit_doubled",
            /// The checkout takes a page that is complete for one that is paid.
            UnpaidCredited => "unpaid_credited",
            /// A room's event is numbered and never written.
            EventSkipped => "event_skipped",
            /// A room's event is written twice.
            EventDoubled => "event_doubled",
            /// The gateway delivers a room's event to nobody.
            DeliverySkipped => "delivery_skipped",
            /// What is for one user goes to another socket too.
            PrivateLeaked => "private_leaked",
            /// A message of a channel that is not for all of its room goes to all of them.
            ChatLeaked => "chat_leaked",
            /// A refusal goes to all sockets of its user.
            RefusalShared => "refusal_shared",
            /// Commands are acknowledged before they are committed.
            AckEarly => "ack_early",
            /// An unreadable record is dropped without a dead letter.
            PoisonDropped => "poison_dropped",
            /// The house's share stays in the escrow.
            RakeLost => "rake_lost",
            /// Deadlines do not move over an outage.
            OutageRolls => "outage_rolls",
            /// An owner that has lost its partition commits.
            FenceOff => "fence_off",
            /// A committed record is not published.
            RelaySkipsOne => "relay_skips_one",
        }
    }

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Planted {
        kill: Option<(KillPoint, u64, End)>,
        fault: Option<(Fault, Option<u64>)>,
        poison_every: Option<u64>,
    }

    /// How a process ends at its kill point.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum End {
        Abort,
        Freeze,
    }

    /// The signal stops all threads, this one perhaps not before others: so long it does nothing.
    const STOPPED_WITHIN: Duration = Duration::from_millis(5);

    impl KillPoint {
        /// Counts a hit, and ends the process if it is the one.
        pub fn hit(self) {
            if let Some((point, at, end)) = SET.get().and_then(|set| set.kill)
                && point == self
                && KILL_HITS.fetch_add(1, Ordering::Relaxed) + 1 == at
            {
                match end {
                    End::Abort => std::process::abort(),
                    End::Freeze => freeze(),
                }
            }
        }
    }

    fn freeze() {
        let this = rustix::process::getpid();
        if rustix::process::kill_process(this, rustix::process::Signal::STOP).is_err() {
            std::process::abort();
        }
        std::thread::sleep(STOPPED_WITHIN);
    }

    impl Fault {
        /// Counts a chance; whether it is taken.
        pub fn strikes(self) -> bool {
            let Some((_, at)) = SET
                .get()
                .and_then(|set| set.fault)
                .filter(|(fault, _)| *fault == self)
            else {
                return false;
            };
            let chance = FAULT_CHANCES.fetch_add(1, Ordering::Relaxed) + 1;
            at.is_none_or(|at| at == chance)
        }
    }

    /// An unreadable payload, if one is due behind the record that was just taken.
    pub fn poison() -> Option<&'static [u8]> {
        const POISON: [&[u8]; 6] = [
            b"",
            b"\xff\xfe\x00poison",
            b"{\"event_id\":\"poison\",",
            b"[\"poison\"]",
            b"{\"event_id\":\"poison\",\"event_type\":\"games.command.ready\",\"payload\":{}}",
            b"\"poison\"",
        ];
        let every = SET.get()?.poison_every?;
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        taken
            .is_multiple_of(every)
            .then(|| POISON[(taken / every) as usize % POISON.len()])
    }

    /// Plants what the environment names; the error says what it does not know.
    pub fn plant_from_environment() -> Result<(), String> {
        let set = parse(|name| std::env::var(name).ok())?;
        // A second start in one process keeps what the first has planted.
        let _ = SET.set(set);
        Ok(())
    }

    fn parse(variable: impl Fn(&str) -> Option<String>) -> Result<Planted, String> {
        let given = |name| variable(name).filter(|text| !text.is_empty());
        Ok(Planted {
            kill: given(KILL_VARIABLE)
                .map(|text| {
                    let (text, end) = match text.strip_suffix(":freeze") {
                        Some(text) => (text, End::Freeze),
                        None => (&*text, End::Abort),
                    };
                    let (name, at) = name_and_count(KILL_VARIABLE, text)?;
                    let names = KillPoint::ALL.iter().map(|point| point.as_str());
                    let point = KillPoint::ALL.iter().find(|point| point.as_str() == name);
                    let point = point.ok_or_else(|| unknown(KILL_VARIABLE, name, names))?;
                    Ok::<_, String>((*point, at.unwrap_or(1), end))
                })
                .transpose()?,
            fault: given(FAULT_VARIABLE)
                .map(|text| {
                    let (name, at) = name_and_count(FAULT_VARIABLE, &text)?;
                    let names = Fault::ALL.iter().map(|fault| fault.as_str());
                    let fault = Fault::ALL.iter().find(|fault| fault.as_str() == name);
                    let fault = fault.ok_or_else(|| unknown(FAULT_VARIABLE, name, names))?;
                    Ok::<_, String>((*fault, at))
                })
                .transpose()?,
            poison_every: given(POISON_VARIABLE)
                .map(|text| count(POISON_VARIABLE, &text))
                .transpose()?,
        })
    }

    fn name_and_count<'a>(variable: &str, text: &'a str) -> Result<(&'a str, Option<u64>), String> {
        match text.split_once(':') {
            Some((name, at)) => Ok((name, Some(count(variable, at)?))),
            None => Ok((text, None)),
        }
    }

    fn count(variable: &str, text: &str) -> Result<u64, String> {
        match text.parse() {
            Ok(count @ 1..) => Ok(count),
            _ => Err(format!("{variable}: `{text}` is no number from 1 on")),
        }
    }

    fn unknown<'a>(variable: &str, name: &str, names: impl Iterator<Item = &'a str>) -> String {
        let names: Vec<&str> = names.collect();
        format!(
            "{variable}: there is no `{name}`; there are: {}",
            names.join(", ")
        )
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn parsed(name: &str, text: &str) -> Result<Planted, String> {
            parse(|asked| (asked == name).then(|| text.to_owned()))
        }

        #[test]
        fn points_and_faults_are_read_with_their_hit() {
            let planted = parsed(KILL_VARIABLE, "K2:17").unwrap();
            assert_eq!(planted.kill, Some((KillPoint::Written, 17, End::Abort)));
            let planted = parsed(KILL_VARIABLE, "K1:3:freeze").unwrap();
            assert_eq!(planted.kill, Some((KillPoint::Taken, 3, End::Freeze)));
            let planted = parsed(KILL_VARIABLE, "K9").unwrap();
            assert_eq!(planted.kill, Some((KillPoint::Routed, 1, End::Abort)));
            let planted = parsed(FAULT_VARIABLE, "dedupe_off").unwrap();
            assert_eq!(planted.fault, Some((Fault::DedupeOff, None)));
            assert_eq!(
                parsed(POISON_VARIABLE, "100").unwrap().poison_every,
                Some(100)
            );
            assert_eq!(parsed(KILL_VARIABLE, "").unwrap(), Planted::default());
        }

        #[test]
        fn what_is_unknown_is_refused_by_name() {
            for (variable, text, names) in [
                (
                    KILL_VARIABLE,
                    "K10:1",
                    "no `K10`; there are: K1, K2, K3, K4, K5, K6, K7, K8, K9",
                ),
                (KILL_VARIABLE, "K2:0", "`0`"),
                (
                    FAULT_VARIABLE,
                    "gremlin",
                    "no `gremlin`; there are: dedupe_off, ",
                ),
                (FAULT_VARIABLE, "dedupe_off:x", "`x`"),
                (POISON_VARIABLE, "-1", "`-1`"),
            ] {
                let error = parsed(variable, text).unwrap_err();
                assert!(
                    error.starts_with(variable) && error.contains(names),
                    "{error}"
                );
            }
        }
    }
}
