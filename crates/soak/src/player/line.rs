//! A connection that keeps what was said and heard.

use crate::history::text;
use crate::transcript::Transcript;
use blazing_sun_harness::Guest;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A handshake or a write that takes longer has failed.
const STEP: Duration = Duration::from_secs(10);

pub(crate) struct Line {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub transcript: Transcript,
    /// The last `room_seq` heard, by room.
    pub known: BTreeMap<String, u64>,
    /// The close code, once it is closed.
    pub closed: Option<u16>,
}

impl Line {
    /// Connects and signs in; none where the server is not there, or goes.
    pub async fn sign_in(
        address: SocketAddr,
        guest: &Guest,
        user: i64,
        resume: BTreeMap<String, u64>,
    ) -> Option<Line> {
        let signing_in = Line::try_sign_in(address, guest, user, resume);
        tokio::time::timeout(STEP, signing_in).await.ok()?
    }

    async fn try_sign_in(
        address: SocketAddr,
        guest: &Guest,
        user: i64,
        resume: BTreeMap<String, u64>,
    ) -> Option<Line> {
        let connecting = tokio_tungstenite::connect_async(format!("ws://{address}/ws"));
        let (socket, _) = connecting.await.ok()?;
        let mut line = Line {
            socket,
            transcript: Transcript {
                user,
                known: resume.clone(),
                ..Transcript::default()
            },
            known: resume.clone(),
            closed: None,
        };
        let welcome = line.read().await?;
        text(&welcome["connection_id"]).clone_into(&mut line.transcript.socket_id);
        let resume: Vec<Value> = resume
            .into_iter()
            .map(|(room, seq)| json!({ "room_id": room, "room_seq": seq }))
            .collect();
        let sign_in =
            json!({ "type": "system.authenticate", "token": guest.token, "resume": resume });
        line.send_text(&sign_in.to_string()).await;
        let answer = line.read().await?;
        (answer["type"] == "system.authenticated").then_some(line)
    }

    pub async fn send(&mut self, frame: &Value, id: &str) {
        self.transcript.sent.insert(id.to_owned());
        self.send_text(&frame.to_string()).await;
    }

    /// A failure shows when the connection is read.
    pub async fn send_text(&mut self, said: &str) {
        let _ = tokio::time::timeout(STEP, self.socket.send(Message::text(said))).await;
    }

    /// The next frame of a connection, if there is one; none once it is lost.
    pub async fn next(line: &mut Option<Line>) -> Option<Value> {
        match line {
            Some(line) => line.read().await,
            None => std::future::pending().await,
        }
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(said)) => {
                    let frame: Value = serde_json::from_str(&said).ok()?;
                    self.note(&frame);
                    self.transcript.frames.push(frame.clone());
                    return Some(frame);
                }
                Ok(Message::Close(close)) => self.closed = close.map(|close| close.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    fn note(&mut self, frame: &Value) {
        let Some(room) = frame["room_id"].as_str() else {
            return;
        };
        let seq = match frame["type"] == "games.event.room_state" {
            true => frame["room"]["room_seq"].as_u64(),
            false => frame["room_seq"].as_u64(),
        };
        if let Some(seq) = seq.filter(|_| frame["type"] != "games.event.command_applied") {
            self.known.insert(room.to_owned(), seq);
        }
    }
}
