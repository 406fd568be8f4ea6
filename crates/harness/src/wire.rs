//! A connection on which anything can be sent, byte by byte.

use super::{TestServer, within};
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A text frame.
    Text(Value),
    /// A pong's body.
    Pong(Vec<u8>),
    /// A close frame's code.
    Close(u16),
    /// The end of the stream.
    End,
}

/// A frame as a client may send it, or may not.
pub fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match u16::try_from(body.len()) {
        Ok(short) if short < 126 => out.push(0x80 | short as u8),
        Ok(medium) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    const MASK: [u8; 4] = [0xa1, 0xb2, 0xc3, 0xd4];
    out.extend_from_slice(&MASK);
    out.extend(
        body.iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    out
}

/// A connection.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects, and says nothing yet.
    pub async fn open(server: &TestServer) -> Wire {
        let stream = within("a connection", TcpStream::connect(server.address()));
        Wire(stream.await.expect("a connection"))
    }

    /// Upgrades to a WebSocket and takes the welcome.
    pub async fn socket(server: &TestServer) -> Wire {
        let mut wire = Wire::open(server).await;
        let head = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: d3Nsb2FkLXdzbG9hZC0wMA==\r\n\r\n";
        wire.send(head.as_bytes()).await;
        let answer = wire.head().await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let welcome = wire.answer().await;
        assert!(matches!(&welcome, Answer::Text(text) if text["type"] == "system.welcome"));
        wire
    }

    /// The same, signed in.
    pub async fn signed_in(server: &TestServer, token: &str) -> Wire {
        let mut wire = Wire::socket(server).await;
        wire.text(&json!({ "type": "system.authenticate", "token": token }).to_string())
            .await;
        let answer = wire.answer().await;
        assert!(matches!(&answer, Answer::Text(text) if text["type"] == "system.authenticated"));
        wire
    }

    /// Sends bytes; a peer that has closed takes none.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = within("sending", self.0.write_all(bytes)).await;
    }

    /// Sends a text frame.
    pub async fn text(&mut self, text: &str) {
        self.send(&frame(0x81, text.as_bytes())).await;
    }

    /// The head of an HTTP answer.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match within("an answer", self.0.read_u8()).await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    }

    /// Everything up to the end of the stream.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = within("the end of the stream", self.0.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The next thing that the server says.
    pub async fn answer(&mut self) -> Answer {
        within("an answer", self.read_frame())
            .await
            .unwrap_or(Answer::End)
    }

    async fn read_frame(&mut self) -> io::Result<Answer> {
        let first = self.0.read_u8().await?;
        let length = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            127 => self.0.read_u64().await? as usize,
            short => usize::from(short),
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(match first {
            0x81 => Answer::Text(serde_json::from_slice(&body).expect("a frame is JSON")),
            0x8a => Answer::Pong(body),
            0x88 => Answer::Close(u16::from_be_bytes([body[0], body[1]])),
            other => panic!("a frame that starts with {other:#x}"),
        })
    }
}
