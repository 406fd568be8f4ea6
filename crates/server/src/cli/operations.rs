//! The tools of those who run a deployment.

use super::{DataArgs, DeploymentArgs};
use crate::config::Role;
use blazing_sun_domain::Millis;
use clap::{Args, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// `migrate`
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// Change nothing; exit code 1 if a schema is behind
    #[arg(long)]
    pub check: bool,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `backup`
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The folder to make the backup in; it may not have anything in it yet
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// Copy the keys too: whoever has such a backup can sign in as anybody
    #[arg(long)]
    pub with_keys: bool,
    /// What to back up.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// `restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The folder that `backup` made
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The folder to restore into; it may not have anything in it yet
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Less free space than this is a finding
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub free_bytes_min: u64,
    /// Which role's configuration is looked at
    #[arg(long, value_enum, default_value = "serve")]
    pub role: Role,
    /// The deployment.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// `completions`
#[derive(Debug, Clone, Copy, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// `settings`
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: SettingsAction,
    /// Whose settings.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub enum SettingsAction {
    /// Print every setting, what is in force, and by whom
    List,
    /// Change one, in all processes at once; it stays over restarts
    Set {
        /// As in the configuration
        name: String,
        /// A number, or a text
        #[arg(allow_negative_numbers = true)]
        value: String,
    },
    /// Take a change back: it is as configured again
    Unset {
        /// As in the configuration
        name: String,
    },
}

/// `maintenance`
#[derive(Debug, Args)]
pub struct MaintenanceArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MaintenanceAction,
    /// Of which deployment.
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

/// What can be done about maintenance.
#[derive(Debug, Subcommand)]
pub enum MaintenanceAction {
    /// Announce it
    Start {
        /// When, as 2026-01-31T21:00:00Z [default: now]
        #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
        starts_at: Option<Millis>,
        /// What players read, 1 to 500 characters
        #[arg(long, value_name = "TEXT")]
        message: String,
    },
    /// End it, or take its announcement back
    End,
}

fn parse_instant(text: &str) -> Result<Millis, String> {
    let instant = text.parse::<jiff::Timestamp>();
    let instant = instant.map(|at| Millis(at.as_millisecond()));
    instant.map_err(|_| "takes an instant as 2026-01-31T21:00:00Z".to_owned())
}
