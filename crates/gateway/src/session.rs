//! One small task per connection: it reads with a buffer that the whole thread shares, and writes
//! all that waits in one go. Between events it holds no memory but its own state.

use crate::frames::{self, Decoder, Frame};
use crate::messages;
use crate::metrics::METRICS;
use crate::shared::Shared;
use crate::socket::{Closing, Pieces, Socket};
use blazing_sun_backbone::trace::{Parent, Span, SpanKind};
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const READ_BYTES: usize = 64 * 1024;
/// Reads or writes in one turn before others get theirs.
const ROUNDS_MAX: usize = 16;

struct Scratch {
    read: Box<[u8]>,
    write: Pieces,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES].into(),
        write: Pieces::default(),
    });
}

/// A connection's task.
pub(crate) struct Session {
    shared: Arc<Shared>,
    socket: Arc<Socket>,
    stream: TcpStream,
    decoder: Decoder,
    /// What the kernel did not take.
    unsent: Option<Box<Unsent>>,
    /// Messages refused for their rate, less those that were not.
    refused: u32,
    phase: Phase,
}

#[derive(Debug, Default)]
struct Unsent(VecDeque<Bytes>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The close frame waits among what is unsent; nothing is read but the client's end.
    Closing,
    /// All is sent and so is the end of the stream.
    Ended,
}

/// Why the task ends.
struct Gone;

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, socket: Arc<Socket>, stream: TcpStream) -> Session {
        Session {
            shared,
            socket,
            stream,
            decoder: Decoder::default(),
            unsent: None,
            refused: 0,
            phase: Phase::Open,
        }
    }

    /// Takes bytes that came together with the upgrade.
    pub(crate) fn feed(&mut self, bytes: &mut [u8]) {
        let message_max = self.shared.config.limits.message_bytes_max;
        let (shared, socket, refused) = (&self.shared, &self.socket, &mut self.refused);
        socket.heard_at.store(shared.now_ms(), Ordering::Relaxed);
        let mut ping: Option<Bytes> = None;
        let mut said_close = None;
        let fed = self.decoder.feed(bytes, message_max, |frame| {
            match frame {
                Frame::Text(text) => messages::handle(shared, socket, refused, text),
                // Only the last ping of many that came together needs its answer.
                Frame::Ping(body) => {
                    if messages::admits_control(shared, socket, refused) {
                        ping = Some(frames::pong(body));
                    }
                }
                Frame::Pong => {
                    messages::admits_control(shared, socket, refused);
                }
                Frame::Close(code) => said_close = Some(code),
            }
            said_close.is_none() && socket.state.lock().close.is_none()
        });
        if let Some(pong) = ping {
            socket.push(pong);
        }
        if let Some(code) = said_close {
            self.flush_answers();
            self.close_with(frames::close(code, ""));
        } else if let Err(violation) = fed {
            let closing = Closing {
                code: violation.close_code(),
                reason: "",
            };
            socket.state.lock().close.get_or_insert(closing);
        }
    }

    /// Leaves the tables, and puts the close frame behind what is being written.
    fn close_with(&mut self, frame: Bytes) {
        self.phase = Phase::Closing;
        self.unsent.get_or_insert_default().0.push_back(frame);
        self.decoder = Decoder::default();
        self.socket
            .closing_since
            .store(self.shared.now_ms(), Ordering::Relaxed);
        self.shared.leave(&self.socket);
    }

    /// What waits for this socket alone is still said: the client is told why.
    fn flush_answers(&mut self) {
        let mut pieces = Pieces::default();
        self.socket.state.lock().read_private(&mut pieces);
        self.unsent.get_or_insert_default().0.extend(pieces.rest(0));
    }

    /// What a client does not take would stay in the kernel for minutes after the end.
    fn forget_unsent(&self) {
        if self.unsent.is_some() {
            let reset_at_once = Some(std::time::Duration::ZERO);
            let _ = socket2::SockRef::from(&self.stream).set_linger(reset_at_once);
        }
    }

    fn begin_close(&mut self, closing: Closing) {
        METRICS.closed(closing);
        if closing != Closing::SLOW {
            self.flush_answers();
        }
        self.close_with(frames::close(Some(closing.code), closing.reason));
    }

    /// Reads once. `Ready(Ok)`: there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch.read);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    if self.phase == Phase::Open {
                        self.feed(buffer.filled_mut());
                    }
                    Poll::Ready(Ok(()))
                }
                _ => Poll::Ready(Err(Gone)),
            }
        })
    }

    /// Writes once. `Ready(Ok(false))`: there is nothing to write.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Gone>> {
        if self.unsent.is_some() {
            return self.poll_write_unsent(cx);
        }
        match self.phase {
            Phase::Open => {}
            Phase::Closing => {
                return match ready!(Pin::new(&mut self.stream).poll_shutdown(cx)) {
                    Ok(()) => {
                        self.phase = Phase::Ended;
                        Poll::Ready(Ok(false))
                    }
                    Err(_) => Poll::Ready(Err(Gone)),
                };
            }
            Phase::Ended => return Poll::Ready(Ok(false)),
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let pieces = &mut scratch.write;
            pieces.clear();
            let mut state = self.socket.state.lock();
            if state.read(pieces).is_err() {
                drop(state);
                self.begin_close(Closing::SLOW);
                return Poll::Ready(Ok(true));
            }
            if pieces.is_empty() {
                return Poll::Ready(Ok(false));
            }
            let traces = state.take_traces();
            drop(state);
            let spans = traces.map(|traces| spans_of(&self.socket, &traces.0, pieces.bytes()));
            let written = match write_once(&mut self.stream, cx, pieces.iter()) {
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                Poll::Pending => 0,
            };
            drop(spans);
            METRICS.writes.inc();
            METRICS.sent_bytes.inc_by(written as u64);
            if written < pieces.bytes() {
                self.unsent = Some(Box::new(Unsent(pieces.rest(written))));
            }
            Poll::Ready(Ok(true))
        })
    }

    fn poll_write_unsent(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Gone>> {
        let Some(Unsent(unsent)) = self.unsent.as_deref_mut() else {
            return Poll::Ready(Ok(true));
        };
        match write_once(&mut self.stream, cx, unsent.iter().map(|bytes| &bytes[..])) {
            Poll::Ready(Ok(mut written)) => {
                METRICS.writes.inc();
                METRICS.sent_bytes.inc_by(written as u64);
                self.socket.blocked_since.store(0, Ordering::Relaxed);
                while let Some(first) = unsent.front_mut()
                    && written >= first.len()
                {
                    written -= first.len();
                    unsent.pop_front();
                }
                match unsent.front_mut() {
                    Some(first) => first.advance(written),
                    None => self.unsent = None,
                }
                Poll::Ready(Ok(true))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Gone)),
            Poll::Pending => {
                if self.socket.blocked_since.load(Ordering::Relaxed) == 0 {
                    self.socket
                        .blocked_since
                        .store(self.shared.now_ms(), Ordering::Relaxed);
                }
                if self.phase == Phase::Open {
                    let unsent: usize = unsent.iter().map(Bytes::len).sum();
                    let behind = self
                        .socket
                        .state
                        .lock()
                        .behind()
                        .saturating_add(unsent as u64);
                    if behind > self.shared.config.limits.behind_bytes_max as u64 {
                        self.begin_close(Closing::SLOW);
                    }
                }
                Poll::Pending
            }
        }
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        for _ in 0..ROUNDS_MAX {
            if self.socket.is_killed() {
                self.forget_unsent();
                return Poll::Ready(Gone);
            }
            self.socket.listen(cx.waker());
            let read = self.poll_read(cx);
            if let Poll::Ready(Err(gone)) = read {
                return Poll::Ready(gone);
            }
            if self.phase == Phase::Open {
                let closing = self.socket.state.lock().close;
                if let Some(closing) = closing {
                    self.begin_close(closing);
                }
            }
            let write = self.poll_write(cx);
            if let Poll::Ready(Err(gone)) = write {
                return Poll::Ready(gone);
            }
            if read.is_pending() && !matches!(write, Poll::Ready(Ok(true))) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// One span for each trace of which something is written.
fn spans_of(socket: &Socket, traces: &[(Parent, String)], bytes: usize) -> Vec<Span> {
    let since = SystemTime::now();
    let traces = traces.iter();
    let spans = traces.map(|(parent, correlation_id)| {
        let mut span = Span::child(*parent, "gateway.write", SpanKind::Internal, since);
        span.set("correlation_id", correlation_id.clone());
        span.set("socket.id", socket.id.to_string());
        span.set("bytes", bytes as i64);
        span
    });
    spans.collect()
}

/// One system call; the plain one where there is one piece, for that costs less.
fn write_once<'a>(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Poll<std::io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); 64];
    let mut count = 0;
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
        count += 1;
    }
    let stream = Pin::new(stream);
    match &slices[..count] {
        [one] => stream.poll_write(cx, one),
        many => stream.poll_write_vectored(cx, many),
    }
}

impl Future for Session {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_rounds(cx).map(|Gone| ())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.leave(&self.socket);
        self.shared.connections.lock().remove(&self.socket.id);
        self.shared.addresses.leave(&self.socket.address);
    }
}
