//! Many WebSocket connections on one thread: level-triggered epoll, one `read` a readiness, frames
//! handled in place. It has to cost less than the server that it loads.

use super::{HEARTBEAT, HEARTBEAT_NS, frames};
use anyhow::{Context, anyhow, bail};
use rustix::event::epoll;
use rustix::event::epoll::{EventData, EventFlags};
use rustix::fd::OwnedFd;
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 256 * 1024;
const REPLY_BYTES_MAX: usize = 16 * 1024;
/// Below the number of ports that one address gives to connections of its own.
const CONNECTIONS_PER_SOURCE: usize = 20_000;

/// What came from a connection.
#[derive(Debug)]
pub enum Arrived<'a> {
    /// The upgrade that `begin` asked for is done.
    Open,
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
    /// The answer to the upgrade is still to come.
    upgrading: bool,
    /// It is not read.
    stalled: bool,
    open: bool,
}

impl Connection {
    fn interest(&self) -> EventFlags {
        let reading = if self.stalled {
            EventFlags::RDHUP
        } else {
            EventFlags::IN
        };
        if self.unsent.is_empty() {
            reading
        } else {
            reading | EventFlags::OUT
        }
    }

    /// Takes the answer to the upgrade out of what came; whether frames follow.
    fn is_upgraded(&mut self, fresh: &mut &[u8]) -> Result<bool, String> {
        if !self.upgrading {
            return Ok(true);
        }
        self.partial.extend_from_slice(std::mem::take(fresh));
        let Some(end) = end_of_reply(&self.partial)? else {
            return Ok(false);
        };
        self.partial.drain(..end);
        self.upgrading = false;
        Ok(true)
    }
}

fn ask_for_upgrade(stream: &mut TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let key = "YmxhemluZy1zdW4tYmVuY2g=";
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes())
}

/// Where the answer to an upgrade ends; none while it is incomplete.
fn end_of_reply(reply: &[u8]) -> Result<Option<usize>, String> {
    let Some(end) = memchr::memmem::find(reply, b"\r\n\r\n") else {
        return if reply.len() > REPLY_BYTES_MAX {
            Err("did not answer the WebSocket upgrade in HTTP".to_owned())
        } else {
            Ok(None)
        };
    };
    if reply.starts_with(b"HTTP/1.1 101") {
        return Ok(Some(end + 4));
    }
    let status = reply
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let status = String::from_utf8_lossy(status);
    Err(format!("refused the WebSocket upgrade: {status}"))
}

/// The connections, by the number that `open` gave them.
pub struct Sockets {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    events: Vec<epoll::Event>,
    outbox: Outbox,
    started: Instant,
    heartbeat_ns: u64,
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
            heartbeat_ns: 0,
        })
    }

    /// Nanoseconds since this was made.
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Connects and upgrades; what the server has sent meanwhile is kept for `poll`.
    pub fn open(&mut self, server: SocketAddr) -> anyhow::Result<usize> {
        let mut stream = self.connect(server)?;
        stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT))?;
        ask_for_upgrade(&mut stream, server)?;
        let mut reply = Vec::new();
        let body_at = loop {
            if let Some(end) = end_of_reply(&reply).map_err(|why| anyhow!("{server} {why}"))? {
                break end;
            }
            let count = stream
                .read(&mut self.scratch)
                .context("no answer to the upgrade")?;
            if count == 0 {
                bail!("{server} closed the connection during the WebSocket upgrade");
            }
            reply.extend_from_slice(&self.scratch[..count]);
        };
        let partial = reply.split_off(body_at);
        self.add(stream, partial, false)
    }

    /// Connects and asks for the upgrade; `poll` says when it is done.
    pub fn begin(&mut self, server: SocketAddr) -> anyhow::Result<usize> {
        let mut stream = self.connect(server)?;
        ask_for_upgrade(&mut stream, server)?;
        self.add(stream, Vec::new(), true)
    }

    fn connect(&self, server: SocketAddr) -> anyhow::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        if server.ip() == Ipv4Addr::LOCALHOST {
            // Another source now and then, so that the ports suffice.
            let number = 1 + self.connections.len() / CONNECTIONS_PER_SOURCE;
            let source = Ipv4Addr::new(127, 0, 0, u8::try_from(number).unwrap_or(u8::MAX));
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        socket
            .connect_timeout(&server.into(), HANDSHAKE_TIMEOUT)
            .with_context(|| format!("cannot connect to {server}"))?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket.into())
    }

    fn add(
        &mut self,
        stream: TcpStream,
        partial: Vec<u8>,
        upgrading: bool,
    ) -> anyhow::Result<usize> {
        stream.set_nonblocking(true)?;
        let index = self.connections.len();
        let data = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &stream, data, EventFlags::IN)?;
        self.connections.push(Connection {
            stream,
            partial,
            unsent: Vec::new(),
            upgrading,
            stalled: false,
            open: true,
        });
        Ok(index)
    }

    /// Reads no more from a connection; that it was closed is still noticed.
    pub fn stall(&mut self, index: usize) -> anyhow::Result<()> {
        self.connections[index].stalled = true;
        Ok(watch(&self.epoll, index, &self.connections[index])?)
    }

    /// Sends a text message; what the kernel does not take now follows later.
    pub fn text(&mut self, to: usize, text: &[u8]) {
        let mut outbox = std::mem::take(&mut self.outbox);
        outbox.text(to, text);
        self.flush(&mut outbox);
        self.outbox = outbox;
    }

    /// Tells the server now and then that all are there.
    pub fn beat(&mut self) {
        let now_ns = self.now_ns();
        if now_ns < self.heartbeat_ns + HEARTBEAT_NS {
            return;
        }
        self.heartbeat_ns = now_ns;
        for index in 0..self.connections.len() {
            if !self.connections[index].upgrading {
                self.text(index, HEARTBEAT);
            }
        }
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
            if self.connections[index].stalled {
                if flags.intersects(EventFlags::RDHUP | EventFlags::ERR | EventFlags::HUP) {
                    self.lost(index, handle);
                }
            } else if flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP) {
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
            let _ = watch(&self.epoll, index, connection);
        }
    }

    /// A connection that is not read was closed.
    fn lost(&mut self, index: usize, handle: &mut dyn FnMut(usize, u64, Arrived<'_>, &mut Outbox)) {
        if !self.connections[index].open {
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let now_ns = self.now_ns();
        handle(index, now_ns, Arrived::Closed("lost"), &mut outbox);
        self.close(index);
        self.flush(&mut outbox);
        self.outbox = outbox;
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
                let (before, mut fresh) = (connection.upgrading, &self.scratch[..count]);
                let upgraded = connection.is_upgraded(&mut fresh);
                if before && upgraded == Ok(true) {
                    handle(index, now_ns, Arrived::Open, &mut outbox);
                }
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
                match upgraded {
                    Ok(true) => take_frames(&mut connection.partial, fresh, &mut each),
                    Ok(false) => Ok(()),
                    Err(why) => Err(why),
                }
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

fn watch(epoll: &OwnedFd, index: usize, connection: &Connection) -> rustix::io::Result<()> {
    let data = EventData::new_u64(index as u64);
    epoll::modify(epoll, &connection.stream, data, connection.interest())
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
            let _ = watch(epoll, index, connection);
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
