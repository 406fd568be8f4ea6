//! How mail leaves: by SMTP where it is configured; else, on a machine of one's own, as a line of the log.

use crate::config::{Config, Mode};
use anyhow::Context;
use async_trait::async_trait;
use blazing_sun_backend::mail::{Mail, MailError, MailRoom, Mailer};
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Tokio1Executor};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SEND_WITHIN: Duration = Duration::from_secs(20);

/// Where mail comes from on a server at this address; none: it sends none.
pub fn room(config: &Config, mode: Mode, address: SocketAddr) -> anyhow::Result<Option<MailRoom>> {
    let public_url = config.server.public_url.clone();
    if let (Some(url), Some(from)) = (&config.mail.smtp_url, &config.mail.from) {
        let mailer = Smtp::new(url, from)?;
        return Ok(Some(MailRoom {
            mailer: Arc::new(mailer),
            public_url: public_url.unwrap_or_default(),
        }));
    }
    // Whoever reads the log of a server that others can reach could take over their accounts.
    let is_own_machine = mode == Mode::Embedded && address.ip().is_loopback();
    Ok(is_own_machine.then(|| MailRoom {
        mailer: Arc::new(Printed),
        public_url: public_url.unwrap_or_else(|| format!("http://{address}")),
    }))
}

/// Whether this is an address that mail can be sent from.
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// Whether this names an SMTP server.
pub fn is_smtp_url(text: &str) -> bool {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(text).is_ok()
}

struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    fn new(url: &str, from: &str) -> anyhow::Result<Smtp> {
        // Its own error would repeat the password.
        let unusable = |_| anyhow::anyhow!("`mail.smtp_url` names no SMTP server");
        Ok(Smtp {
            transport: AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                .map_err(unusable)?
                .timeout(Some(SEND_WITHIN))
                .build(),
            from: from.parse().context("`mail.from` is no mail address")?,
        })
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let refused = |error: &dyn std::fmt::Display| MailError::Refused(error.to_string());
        let to: Mailbox = mail.to.as_str().parse().map_err(|error| refused(&error))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|error| refused(&error))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(refused(&error)),
            Err(error) => Err(MailError::Transient(error.to_string())),
        }
    }
}

/// For whoever runs the server for themselves and reads its log.
struct Printed;

#[async_trait]
impl Mailer for Printed {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let link = mail.text.split_whitespace().find(|word| word.contains('#'));
        tracing::info!(
            mail.to = mail.to.as_str(),
            mail.subject,
            link,
            "this server sends no mail (`mail.smtp_url`); here is what it would have sent"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backend::accounts::Email;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;

    /// Takes one mail as a server of RFC 5321 does, and answers DATA as it is told.
    async fn receive(listener: TcpListener, answer: &str) -> String {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut seen = String::new();
        let mut is_text = false;
        write.write_all(b"220 test ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            seen += &line;
            seen += "\n";
            let reply = match (is_text, line.as_str()) {
                (true, ".") => {
                    is_text = false;
                    answer
                }
                (true, _) => continue,
                (_, "DATA") => {
                    is_text = true;
                    "354 go on"
                }
                (_, "QUIT") => break,
                _ => "250 ok",
            };
            write
                .write_all(format!("{reply}\r\n").as_bytes())
                .await
                .unwrap();
            if reply == answer {
                break;
            }
        }
        seen
    }

    async fn sent(answer: &'static str) -> (Result<(), MailError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { receive(listener, answer).await });
        let smtp = Smtp::new(&url, "Blazing Sun <play@example.com>").unwrap();
        let mail = Mail {
            to: Email::parse("ada@example.com").unwrap(),
            subject: "Choose a new password",
            text: "Here:\nhttps://play.example/reset-password#T0ken\n".to_owned(),
        };
        let outcome = smtp.send(&mail).await;
        (outcome, server.await.unwrap())
    }

    #[tokio::test]
    async fn a_mail_goes_out_by_smtp() {
        let (outcome, seen) = sent("250 queued").await;
        outcome.unwrap();
        for line in [
            "MAIL FROM:<play@example.com>",
            "RCPT TO:<ada@example.com>",
            "From: \"Blazing Sun\" <play@example.com>",
            "Subject: Choose a new password",
            "https://play.example/reset-password#T0ken",
        ] {
            assert!(seen.contains(line), "{line} in\n{seen}");
        }
    }

    #[tokio::test]
    async fn what_a_server_never_takes_is_not_tried_again_and_all_else_is() {
        let (never, _) = sent("550 no such mailbox").await;
        assert!(matches!(never, Err(MailError::Refused(_))), "{never:?}");
        let (later, _) = sent("451 busy").await;
        assert!(matches!(later, Err(MailError::Transient(_))), "{later:?}");
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", free.local_addr().unwrap());
        drop(free);
        let smtp = Smtp::new(&url, "play@example.com").unwrap();
        let mail = Mail {
            to: Email::parse("ada@example.com").unwrap(),
            subject: "x",
            text: String::new(),
        };
        assert!(matches!(
            smtp.send(&mail).await,
            Err(MailError::Transient(_))
        ));
    }

    #[test]
    fn links_are_printed_on_a_machine_of_ones_own_alone() {
        let config = Config::default();
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        let own = room(&config, Mode::Embedded, at("127.0.0.1:8080"))
            .unwrap()
            .unwrap();
        assert_eq!(own.public_url, "http://127.0.0.1:8080");
        for (mode, address) in [
            (Mode::Embedded, "192.0.2.1:8080"),
            (Mode::Distributed, "127.0.0.1:8080"),
        ] {
            assert!(room(&config, mode, at(address)).unwrap().is_none());
        }
    }
}
