//! Many WebSocket connections on one thread: level-triggered epoll, one `read` a readiness, frames
//! handled in place. It has to cost less than the server that it loads.

use super::frames;
use anyhow::{Context, bail};
use rustix::event::epoll;
use rustix::event::epoll::{EventData, EventFlags};
use rustix::fd::OwnedFd;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 256 * 1024;

/// What came from a connection.
#[derive(Debug)]
pub enum Arrived<'a> {
    /// A text message.
    Text(&'a [u8]),
    /// The connection is gone, and why.
    Closed(&'a str),
}

/// Frames that a handler wants sent when it returns.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    frames: Vec<(usize, usize)>,
}

impl Outbox {
    /// Queues a text message to a connection.
    pub fn text(&mut self, to: usize, text: &[u8]) {
        self.frame(to, frames::TEXT, text);
    }

    fn frame(&mut self, to: usize, opcode: u8, body: &[u8]) {
        frames::write(&mut self.bytes, opcode, body);
        self.frames.push((to, self.bytes.len()));
    }
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    partial: Vec<u8>,
    /// What the kernel did not take yet.
    unsent: Vec<u8>,
    open: bool,
}

/// The connections, by the number that `open` gave them.
pub struct Sockets {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    events: Vec<epoll::Event>,
    outbox: Outbox,
    started: Instant,
}

impl Sockets {
    /// No connections yet.
    pub fn new() -> anyhow::Result<Sockets> {
        Ok(Sockets {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            scratch: vec![0; READ_BYTES],
            events: Vec::with_capacity(512),
            outbox: Outbox::default(),
            started: Instant::now(),
        })
    }

    /// Nanoseconds since this was made.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Connects and upgrades; what the server has sent meanwhile is kept for `poll`.
    pub fn open(&mut self, server: SocketAddr) -> anyhow::Result<usize> {
        let mut stream = TcpStream::connect_timeout(&server, HANDSHAKE_TIMEOUT)
            .with_context(|| format!("cannot connect to {server}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        let key = "YmxhemluZy1zdW4tYmVuY2g=";
        write!(
            stream,
            "GET /ws HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )?;
        let mut reply = Vec::new();
        let body_at = loop {
            if let Some(end) = memchr::memmem::find(&reply, b"\r\n\r\n") {
                break end + 4;
            }
            if reply.len() > 16 * 1024 {
                bail!("{server} did not answer the WebSocket upgrade in HTTP");
            }
            let count = stream
                .read(&mut self.scratch)
                .context("no answer to the upgrade")?;
            if count == 0 {
                bail!("{server} closed the connection during the WebSocket upgrade");
            }
            reply.extend_from_slice(&self.scratch[..count]);
        };
        if !reply.starts_with(b"HTTP/1.1 101") {
            let status = reply
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default();
            bail!(
                "{server} refused the WebSocket upgrade: {}",
                String::from_utf8_lossy(status)
            );
        }
        stream.set_nonblocking(true)?;
        let index = self.connections.len();
        epoll::add(
            &self.epoll,
            &stream,
            EventData::new_u64(index as u64),
            EventFlags::IN,
        )?;
        let partial = reply.split_off(body_at);
        self.connections.push(Connection {
            stream,
            partial,
            unsent: Vec::new(),
            open: true,
        });
        Ok(index)
    }

    /// Sends a text message; what the kernel does not take now follows later.
    pub fn text(&mut self, to: usize, text: &[u8]) {
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.text(to, text);
        self.flush(&mut outbox);
        self.outbox = outbox;
    }

    /// Closes a connection; nothing is reported about it any more.
    pub fn close(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if std::mem::take(&mut connection.open) {
            // The descriptor may be gone from the set already.
            let _ = epoll::delete(&self.epoll, &connection.stream);
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Waits until something comes, at most `wait`, and hands over everything that is there, with the
    /// time at which it was read.
    pub fn poll(
        &mut self,
        wait: Duration,
        handle: &mut dyn FnMut(usize, u64, Arrived<'_>, &mut Outbox),
    ) -> anyhow::Result<()> {
        let timeout = rustix::event::Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let mut events = std::mem::take(&mut self.events);
        let buffer = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, buffer, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let (index, flags) = (event.data.u64() as usize, event.flags);
            if flags.contains(EventFlags::OUT) {
                self.resume_sending(index);
            }
            if flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
                self.read(index, handle);
            }
        }
        self.events = events;
        Ok(())
    }

    fn flush(&mut self, outbox: &mut Outbox) {
        let mut from = 0;
        for (to, end) in outbox.frames.drain(..) {
            send(
                &self.epoll,
                to,
                &mut self.connections[to],
                &outbox.bytes[from..end],
            );
            from = end;
        }
        outbox.bytes.clear();
    }

    fn resume_sending(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if let Ok(count) = connection.stream.write(&connection.unsent) {
            connection.unsent.drain(..count);
        }
        if connection.unsent.is_empty() {
            let data = EventData::new_u64(index as u64);
            let _ = epoll::modify(&self.epoll, &connection.stream, data, EventFlags::IN);
        }
    }

    fn read(&mut self, index: usize, handle: &mut dyn FnMut(usize, u64, Arrived<'_>, &mut Outbox)) {
        if !self.connections[index].open {
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let outcome = match self.connections[index].stream.read(&mut self.scratch) {
            Ok(0) => Err("end of stream".to_owned()),
            Ok(count) => {
                let now_ns = self.now_ns();
                let connection = &mut self.connections[index];
                let mut each = |frame: frames::Frame<'_>| match frame.opcode {
                    frames::TEXT => {
                        handle(index, now_ns, Arrived::Text(frame.body), &mut outbox);
                        Ok(())
                    }
                    frames::PING => {
                        outbox.frame(index, frames::PONG, frame.body);
                        Ok(())
                    }
                    frames::CLOSE => Err(closed_because(frame.body)),
                    _ => Ok(()),
                };
                take_frames(&mut connection.partial, &self.scratch[..count], &mut each)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = outcome {
            handle(index, self.now_ns(), Arrived::Closed(&why), &mut outbox);
            self.close(index);
        }
        self.flush(&mut outbox);
        self.outbox = outbox;
    }
}

fn send(epoll: &OwnedFd, index: usize, connection: &mut Connection, bytes: &[u8]) {
    if !connection.open {
        return;
    }
    let waiting = !connection.unsent.is_empty();
    // A broken connection shows itself on the reading side.
    let sent = if waiting {
        0
    } else {
        connection.stream.write(bytes).unwrap_or(0)
    };
    if sent < bytes.len() {
        connection.unsent.extend_from_slice(&bytes[sent..]);
        if !waiting {
            let flags = EventFlags::IN | EventFlags::OUT;
            let data = EventData::new_u64(index as u64);
            let _ = epoll::modify(epoll, &connection.stream, data, flags);
        }
    }
}

fn take_frames(
    partial: &mut Vec<u8>,
    fresh: &[u8],
    each: &mut dyn FnMut(frames::Frame<'_>) -> Result<(), String>,
) -> Result<(), String> {
    let joined;
    let bytes = if partial.is_empty() {
        fresh
    } else {
        partial.extend_from_slice(fresh);
        joined = std::mem::take(partial);
        &joined
    };
    let mut rest = bytes;
    while let Some(frame) = frames::read(rest)? {
        let length = frame.length;
        each(frame)?;
        rest = &rest[length..];
    }
    partial.extend_from_slice(rest);
    Ok(())
}

fn closed_because(body: &[u8]) -> String {
    match body.split_first_chunk::<2>() {
        Some((code, reason)) => {
            format!(
                "close {} {}",
                u16::from_be_bytes(*code),
                String::from_utf8_lossy(reason)
            )
        }
        None => "close without a code".to_owned(),
    }
}
