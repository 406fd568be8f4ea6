//! `blazing-sun user`: what operators ask about users, and how the answers look.

use crate::cli::{CreateArgs, RoleChange, UserAction};
use crate::operator::{Credentials, Failure, Request, Target};
use blazing_sun_backend::accounts::{Credited, OperatorToken, Profile};
use blazing_sun_domain::{Cents, CommandId};
use serde::Serialize;
use std::io::{BufRead, IsTerminal, Write};
use uuid::Uuid;

/// The longest line that is read as a password.
const PASSWORD_BYTES_MAX: u64 = 4_096;

/// Asks, and gives what to print.
pub async fn run(action: &UserAction, json: bool, target: &Target) -> Result<String, Failure> {
    match action {
        UserAction::Show { user } => {
            let user = user.clone();
            profile_after(Request::ShowUser { user }, json, target).await
        }
        UserAction::Create(args) => {
            let request = Request::CreateUser {
                id: args.id,
                username: args.username.clone(),
                credentials: credentials_of(args)?,
                roles: args.roles.clone(),
            };
            let made = profile_after(request, json, target).await;
            made.map_err(|failure| perhaps_made(failure, &args.username))
        }
        UserAction::Role { user, change, role } => {
            let request = Request::ChangeRole {
                user: user.clone(),
                role: role.clone(),
                has_it: *change == RoleChange::Add,
            };
            profile_after(request, json, target).await
        }
        UserAction::Ban { user, reason } => {
            let (user, reason) = (user.clone(), reason.clone());
            profile_after(Request::Ban { user, reason }, json, target).await
        }
        UserAction::Unban { user } => {
            let user = user.clone();
            profile_after(Request::Unban { user }, json, target).await
        }
        UserAction::SignOut { user } => {
            let user = user.clone();
            profile_after(Request::SignOut { user }, json, target).await
        }
        UserAction::Token { user, minutes } => {
            let (user, minutes) = (user.clone(), *minutes);
            let token: OperatorToken = target.ask(&Request::Token { user, minutes }).await?;
            // The token alone, so that a script can take it as it is.
            Ok(shown(&token, json, |token| token.access_token.clone()))
        }
        UserAction::Credit(args) => {
            let command_id = args.command_id.unwrap_or_else(|| CommandId(Uuid::now_v7()));
            let request = Request::Credit {
                user: args.user.clone(),
                amount_cents: Cents(args.amount_cents),
                reason: args.reason.clone(),
                command_id,
            };
            let asked = target.ask::<Credited>(&request).await;
            let mut credited = asked.map_err(|failure| perhaps_credited(failure, command_id))?;
            // An id of this process's own has credited before only where a server ended in between.
            credited.is_new |= args.command_id.is_none();
            Ok(shown(&credited, json, |credited| {
                let Credited {
                    user_id,
                    amount_cents,
                    balance_cents,
                    currency,
                    command_id,
                    is_new,
                } = credited;
                let what = if *is_new {
                    "credited"
                } else {
                    "had been credited before, nothing changed:"
                };
                format!(
                    "user {user_id} {what} {amount_cents} cents ({currency}), balance {balance_cents}\n\
                     command {command_id}"
                )
            }))
        }
    }
}

async fn profile_after(request: Request, json: bool, target: &Target) -> Result<String, Failure> {
    let profile: Profile = target.ask(&request).await?;
    Ok(shown(&profile, json, words_of))
}

/// Who only asks again takes a new id, and gives the money twice.
fn perhaps_credited(failure: Failure, command_id: CommandId) -> Failure {
    let id = command_id.to_string();
    if !failure.is_uncertain() || failure.message.contains(&id) {
        return failure;
    }
    let message = format!(
        "{}; it may have been credited: the same again with --command-id {id} does it at most once",
        failure.message
    );
    Failure { message, ..failure }
}

/// Without an email or an id of its own there would be a second user of this name.
fn perhaps_made(failure: Failure, username: &str) -> Failure {
    if !failure.is_uncertain() {
        return failure;
    }
    let message = format!(
        "{}; the user may have been made: before you ask again, look with `user show '@{username}'`",
        failure.message
    );
    Failure { message, ..failure }
}

fn credentials_of(args: &CreateArgs) -> Result<Option<Credentials>, Failure> {
    let Some(email) = args.email.clone() else {
        return Ok(None);
    };
    let stdin = std::io::stdin();
    if !args.password_stdin && !stdin.is_terminal() {
        let message = "an account with an email needs a password: give it with --password-stdin";
        return Err(Failure::new("no_password", message));
    }
    let read = if args.password_stdin {
        read_line(stdin.lock())
    } else {
        ask_for_password()
    };
    let unreadable =
        |error| Failure::new("no_password", format!("cannot read a password: {error}"));
    let password = read.map_err(unreadable)?;
    Ok(Some(Credentials { email, password }))
}

fn ask_for_password() -> std::io::Result<String> {
    let mut error = std::io::stderr();
    write!(error, "password: ")?;
    error.flush()?;
    let stdin = std::io::stdin();
    let shown = rustix::termios::tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_modes -= rustix::termios::LocalModes::ECHO;
    let now = rustix::termios::OptionalActions::Now;
    rustix::termios::tcsetattr(&stdin, now, &hidden)?;
    let password = read_line(stdin.lock());
    rustix::termios::tcsetattr(&stdin, now, &shown)?;
    writeln!(error)?;
    password
}

fn read_line(input: impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    input.take(PASSWORD_BYTES_MAX).read_line(&mut line)?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

fn shown<T: Serialize>(answer: &T, json: bool, words: impl FnOnce(&T) -> String) -> String {
    if json {
        serde_json::to_string(answer).unwrap_or_else(|error| error.to_string())
    } else {
        words(answer)
    }
}

fn words_of(profile: &Profile) -> String {
    let Profile {
        user_id,
        username,
        email,
        roles,
        status,
        ban_reason,
        balance_cents,
        currency,
        created_at,
        last_seen_at,
    } = profile;
    format!(
        "id         {user_id}\n\
         name       {username}\n\
         email      {}\n\
         roles      {}\n\
         status     {status}{}\n\
         balance    {balance_cents} cents ({currency})\n\
         created    {created_at}\n\
         last seen  {last_seen_at}",
        email.as_deref().unwrap_or("none"),
        roles.join(", "),
        ban_reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}")),
    )
}
