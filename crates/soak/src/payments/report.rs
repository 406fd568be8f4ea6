//! What came of the payments, for people.

use super::On;
use super::books::Figures;
use crate::Violation;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What came of it.
#[derive(Debug)]
pub struct PaymentsReport {
    /// As planned.
    pub seed: u64,
    /// As planned.
    pub on: On,
    /// As planned.
    pub payments: u64,
    /// Who paid.
    pub players: u64,
    /// What players heard.
    pub frames: u64,
    /// How long it took.
    pub took: Duration,
    /// How long what was lost took to be found, after all was done.
    pub settled_in: Duration,
    /// How processes ended, and how often.
    pub ends: BTreeMap<&'static str, u64>,
    /// What was compared.
    pub figures: Figures,
    /// Dead letters.
    pub letters: u64,
    /// What processes said, where something is wrong.
    pub logs: Option<PathBuf>,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

impl fmt::Display for PaymentsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (payments, players) = (self.payments, self.players);
        let on = match self.on {
            On::Folder => "one process",
            On::Cluster => "a cluster",
        };
        writeln!(
            f,
            "seed {:#x}, {payments} payments of {players} players on {on} in {}s",
            self.seed,
            self.took.as_secs()
        )?;
        let ends = self
            .ends
            .iter()
            .map(|(how, times)| format!("{how} {times}"));
        writeln!(f, "  kills       {}", ends.collect::<Vec<_>>().join(", "))?;
        let Figures {
            paid,
            held,
            unpaid,
            credited,
            received,
            refunded,
            disputed,
            records,
        } = &self.figures;
        writeln!(
            f,
            "  payments    {paid} paid, {unpaid} not paid, {held} in another amount or currency, {disputed} disputed"
        )?;
        writeln!(
            f,
            "  cents       {received} received, {credited} credited, {refunded} given back"
        )?;
        writeln!(
            f,
            "  records     {records} told, {} dead letters, {} frames heard",
            self.letters, self.frames
        )?;
        writeln!(
            f,
            "  last found  {:.1}s after the last was paid",
            self.settled_in.as_secs_f64()
        )?;
        if let Some(logs) = &self.logs {
            writeln!(f, "  logs        {}", logs.display())?;
        }
        write!(f, "  violations  {}", self.violations.len())?;
        for violation in self.violations.iter().take(20) {
            write!(f, "\n    {violation}")?;
        }
        Ok(())
    }
}
