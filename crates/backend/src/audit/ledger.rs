//! The ledger's rows one by one: each must be what its key says, and all of them must come to the
//! stored balances.

use super::payments::PaymentSums;
use super::{AuditCheck, AuditTotals, Result, has_table, house_accounts, one};
use blazing_sun_domain::{
    Account, Cents, CommandId, RoomId, SeatedPlayer, Transfer, TransferKind, UserId,
};
use rusqlite::{Connection, Row, Rows};
use std::collections::BTreeMap;

/// The columns of [`TransferRow`].
pub(super) const COLUMNS: &str =
    "key, kind, from_account, to_account, amount_cents, room_id, user_id, batch_no, at_ms";

/// The accounts that never fall below 0, by how their names begin.
const BOUNDED: [&str; 4] = ["player/", "escrow/", "disputed/", "withdrawal/"];

/// A row of the ledger, as it stands.
#[derive(Debug)]
pub(super) struct TransferRow {
    pub key: String,
    pub kind: String,
    pub from: String,
    pub to: String,
    pub amount: i64,
    pub room: Option<String>,
    pub user: Option<i64>,
    pub batch_no: u64,
    pub at_ms: i64,
    /// What its player has once it is applied, where one is concerned.
    pub balance_after: i64,
}

impl TransferRow {
    pub fn read(row: &Row<'_>) -> rusqlite::Result<TransferRow> {
        Ok(TransferRow {
            key: row.get(0)?,
            kind: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            amount: row.get(4)?,
            room: row.get(5)?,
            user: row.get(6)?,
            batch_no: row.get::<_, i64>(7)?.max(0) as u64,
            at_ms: row.get(8)?,
            balance_after: 0,
        })
    }

    pub fn kind(&self) -> Option<TransferKind> {
        let mut all = TransferKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == self.kind)
    }

    /// What the player's balance changes by; none where no player is concerned.
    pub fn change(&self) -> Option<i64> {
        if self.to.starts_with("player/") {
            Some(self.amount)
        } else {
            self.from
                .starts_with("player/")
                .then(|| self.amount.saturating_neg())
        }
    }

    /// The selection that its key counts.
    pub fn nth(&self) -> Option<u32> {
        self.key.rsplit('/').next()?.parse().ok()
    }

    /// The one transfer that this key and amount can stand for.
    fn rightful(&self, clearing: &Account) -> std::result::Result<Transfer, &'static str> {
        let kind = self.kind().ok_or("no such kind of transfer exists")?;
        let amount = Cents(self.amount);
        let parts: Vec<&str> = self.key.split('/').collect();
        let room = |text: &str| text.parse::<RoomId>().map_err(|_| "its key names no room");
        let player = |text: &str| {
            let user_id = text
                .parse::<UserId>()
                .map_err(|_| "its key names no user")?;
            Ok::<_, &str>(SeatedPlayer::person(user_id, ""))
        };
        let nth = |text: &str| {
            let nth = text.parse::<u32>().ok().filter(|nth| *nth > 0);
            nth.ok_or("its key counts no selection")
        };
        match (kind, parts.as_slice()) {
            (TransferKind::DemoGrant, [_, user]) => Ok(Transfer::demo_grant(player(user)?, amount)),
            (TransferKind::Fee, [_, at, user, n]) => {
                Ok(Transfer::fee(room(at)?, player(user)?, nth(n)?, amount))
            }
            (TransferKind::Refund, [_, at, user, n]) => {
                Ok(Transfer::refund(room(at)?, player(user)?, nth(n)?, amount))
            }
            (TransferKind::Prize, [_, at, user]) => {
                Ok(Transfer::prize(room(at)?, player(user)?, amount, 0))
            }
            (TransferKind::Rake, [_, at]) => Ok(Transfer::rake(room(at)?, amount)),
            (TransferKind::Credit | TransferKind::GuestClosed, [_, command]) => {
                let command = command
                    .parse::<CommandId>()
                    .map_err(|_| "its key names no command")?;
                let user = self.user.ok_or("it is for no user")?.to_string();
                Ok(match kind {
                    TransferKind::Credit => Transfer::credit(player(&user)?, command, amount),
                    _ => Transfer::guest_closed(player(&user)?, command, amount),
                })
            }
            (
                TransferKind::Fee
                | TransferKind::Refund
                | TransferKind::Prize
                | TransferKind::Rake
                | TransferKind::DemoGrant
                | TransferKind::Credit
                | TransferKind::GuestClosed,
                _,
            ) => Err("its key is not of its kind's form"),
            _ => self.rightful_payment(kind, clearing),
        }
    }

    /// The same of money from outside, whose keys do not name its player.
    fn rightful_payment(
        &self,
        kind: TransferKind,
        clearing: &Account,
    ) -> std::result::Result<Transfer, &'static str> {
        let user = self.user.and_then(|user| u64::try_from(user).ok());
        let user = user.and_then(UserId::new).ok_or("it is for no user")?;
        let player = &SeatedPlayer::person(user, "");
        let amount = Cents(self.amount);
        let form = "its key is not of its kind's form";
        let (_, name) = self.key.split_once('/').ok_or(form)?;
        let (whole, is_short) = match name.strip_suffix("/short") {
            Some(whole) => (whole, true),
            None => (name, false),
        };
        Ok(match kind {
            TransferKind::TopUp => Transfer::top_up(player, name, clearing, amount),
            TransferKind::TopUpRefund => {
                let (payment, in_all) = whole.rsplit_once('/').ok_or(form)?;
                let in_all = Cents(in_all.parse().map_err(|_| form)?);
                Transfer::top_up_refund(player, payment, in_all, is_short, clearing, amount)
            }
            TransferKind::ReceivablePaid => Transfer::receivable_paid(player, name, amount),
            TransferKind::DisputeHold
            | TransferKind::DisputeRelease
            | TransferKind::DisputeWithdrawn
            | TransferKind::DisputeReinstated => {
                let (dispute, step) = whole.rsplit_once('/').ok_or(form)?;
                match kind {
                    TransferKind::DisputeHold => {
                        Transfer::dispute_hold(player, dispute, step, amount)
                    }
                    TransferKind::DisputeRelease => {
                        Transfer::dispute_release(player, dispute, step, amount)
                    }
                    TransferKind::DisputeWithdrawn => Transfer::dispute_withdrawn(
                        player, dispute, step, is_short, clearing, amount,
                    ),
                    _ => Transfer::dispute_reinstated(player, dispute, step, clearing, amount),
                }
            }
            TransferKind::WithdrawalHold => Transfer::withdrawal_hold(player, name, amount),
            TransferKind::WithdrawalRelease => Transfer::withdrawal_release(player, name, amount),
            TransferKind::WithdrawalSettle => {
                Transfer::withdrawal_settle(player, name, clearing, amount)
            }
            _ => return Err(form),
        })
    }

    /// In what it is not the transfer that its key stands for.
    fn wrongs(&self, clearing: &Account) -> Vec<String> {
        let right = match self.rightful(clearing) {
            Ok(right) => right,
            Err(why) => return vec![format!("transfer {} ({}): {why}", self.key, self.kind)],
        };
        let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
        let user = right.player.map(|player| player.user_id.to_string());
        [
            ("key", self.key.clone(), right.key),
            ("from_account", self.from.clone(), right.from.to_string()),
            ("to_account", self.to.clone(), right.to.to_string()),
            (
                "room_id",
                shown(self.room.clone()),
                shown(right.room_id.map(|room| room.to_string())),
            ),
            (
                "user_id",
                shown(self.user.map(|user| user.to_string())),
                shown(user),
            ),
        ]
        .into_iter()
        .filter(|(_, found, right)| found != right)
        .map(|(column, found, right)| {
            format!(
                "transfer {}: {column} is {found}, must be {right}",
                self.key
            )
        })
        .collect()
    }
}

/// The ledger, read in order beside the log.
pub(super) struct Ledger {
    /// Every row against its key.
    pub rows: AuditCheck,
    computed: BTreeMap<String, i64>,
    /// What money from outside has come to, for the rows of payments.
    pub payments: PaymentSums,
    clearing: Account,
    last_batch_no: u64,
}

impl Ledger {
    /// An empty one, of a deployment whose money comes from here.
    pub fn new(clearing: Account) -> Ledger {
        Ledger {
            payments: PaymentSums::default(),
            clearing,
            rows: AuditCheck::new(
                "every transfer has the kind, accounts, room and user that its key says",
            ),
            computed: BTreeMap::new(),
            last_batch_no: 0,
        }
    }
}

impl Ledger {
    /// Checks a row, the next in the order of the ledger, and adds it to the accounts.
    pub fn take(&mut self, mut row: TransferRow) -> TransferRow {
        let wrongs = row.wrongs(&self.clearing);
        self.payments.add(&row);
        self.rows.expect(wrongs.is_empty(), || wrongs.join("; "));
        if row.batch_no < self.last_batch_no {
            let last = self.last_batch_no;
            self.rows.differ(|| {
                format!(
                    "transfer {} is of batch {}, the one before it of batch {last}",
                    row.key, row.batch_no
                )
            });
        }
        self.last_batch_no = self.last_batch_no.max(row.batch_no);
        for (account, change) in [
            (&row.from, row.amount.saturating_neg()),
            (&row.to, row.amount),
        ] {
            let balance = match self.computed.get_mut(account) {
                Some(balance) => balance,
                None => self.computed.entry(account.clone()).or_default(),
            };
            *balance = balance.saturating_add(change);
            if account.starts_with("player/") {
                row.balance_after = *balance;
            }
            if *balance < 0 && BOUNDED.iter().any(|start| account.starts_with(start)) {
                let found = *balance;
                self.rows
                    .differ(|| format!("transfer {} takes {account} to {found}", row.key));
            }
        }
        row
    }

    /// Holds the stored balances against what the rows came to.
    pub fn check_balances(&mut self, connection: &Connection) -> Result<(AuditCheck, AuditTotals)> {
        let mut check =
            AuditCheck::new("every balance is what its transfers come to, and none is below 0");
        let mut totals = AuditTotals::default();
        let [rake, mint, clearing, test] = house_accounts();
        for (account, total) in [
            (rake, &mut totals.rake_cents),
            (mint, &mut totals.mint_cents),
            (clearing, &mut totals.clearing_cents),
            (test, &mut totals.test_clearing_cents),
        ] {
            *total = self.computed.remove(&account).unwrap_or(0);
        }
        let owing = |account: &String, _: &mut i64| account.starts_with("receivable/");
        for (_, balance) in self.computed.extract_if(.., owing) {
            totals.receivable_cents = totals.receivable_cents.saturating_add(balance);
        }
        let mut statement = connection.prepare("SELECT account, balance FROM account_balance")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (account, found): (String, i64) = (row.get(0)?, row.get(1)?);
            let total = match account.split_once('/') {
                Some(("player", _)) => &mut totals.players_cents,
                Some(("escrow", _)) => &mut totals.escrow_cents,
                Some(("disputed", _)) => &mut totals.disputed_cents,
                Some(("withdrawal", _)) => &mut totals.withdrawal_cents,
                _ => {
                    check.expect(false, || {
                        format!("{account} is no account that has a balance, and has {found}")
                    });
                    continue;
                }
            };
            *total = total.saturating_add(found);
            let right = self.computed.remove(&account).unwrap_or(0);
            check.expect(right == found && found >= 0, || {
                format!("{account} has {found}, its transfers come to {right}")
            });
        }
        for (account, right) in std::mem::take(&mut self.computed) {
            check.expect(false, || {
                format!("{account} has no balance, its transfers come to {right}")
            });
        }
        Ok((check, totals))
    }
}

/// The rows of the ledger up to a batch, in order.
pub(super) struct LedgerRows<'s> {
    rows: Rows<'s>,
    peeked: Option<TransferRow>,
}

impl<'s> LedgerRows<'s> {
    pub fn new(rows: Rows<'s>) -> LedgerRows<'s> {
        LedgerRows { rows, peeked: None }
    }

    /// The next row, if it is of batch `upto` or before.
    pub fn next_upto(&mut self, upto: u64) -> Result<Option<TransferRow>> {
        if self.peeked.is_none() {
            self.peeked = self.rows.next()?.map(TransferRow::read).transpose()?;
        }
        Ok(self.peeked.take_if(|row| row.batch_no <= upto))
    }
}

/// Who has money has had one grant, and exists.
pub(super) fn check_grants(connection: &Connection) -> Result<AuditCheck> {
    let mut check =
        AuditCheck::new("every player has had one demo grant, of demo money alone, and exists");
    let money: Option<String> = one(
        connection,
        "SELECT value FROM deployment WHERE name = 'money'",
    )?;
    let is_real = money.as_deref().is_some_and(|it| it.starts_with("real "));
    let has_users = has_table(connection, "users")?
        && one::<i64>(connection, "SELECT id FROM users LIMIT 1")?.is_some();
    let mut granted = connection.prepare(
        "SELECT 1 FROM ledger_transfer WHERE key = 'demo_grant/' || ?1 AND kind = 'demo_grant'",
    )?;
    let mut exists = has_users
        .then(|| connection.prepare("SELECT 1 FROM users WHERE id = ?1"))
        .transpose()?;
    let mut players = connection.prepare(
        "SELECT user_id FROM ledger_transfer WHERE user_id IS NOT NULL
         UNION SELECT CAST(substr(account, 8) AS INTEGER) FROM account_balance
         WHERE account LIKE 'player/%'",
    )?;
    let mut rows = players.query([])?;
    while let Some(row) = rows.next()? {
        let user: i64 = row.get(0)?;
        let has_grant = granted.exists([user])?;
        check.expect(has_grant != is_real, || match is_real {
            true => format!("player {user} has demo money, where money is real"),
            false => format!("player {user} moves money without demo_grant/{user}"),
        });
        if let Some(exists) = &mut exists
            && !exists.exists([user])?
        {
            check.differ(|| format!("player {user} has money, but there is no such user"));
        }
    }
    let is_demo = money.as_deref().is_some_and(|it| it.starts_with("demo "));
    if check.looked_at > 0 && !is_demo && !is_real {
        check.differ(|| match money {
            Some(money) => {
                format!("the deployment's money is `{money}`, which is neither demo nor real")
            }
            None => "the deployment does not say what its money is".to_owned(),
        });
    }
    Ok(check)
}
