//! A connection whose answers can be made to stop at any byte.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How an answer ends before it ends, or how slowly it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(super) at: Place,
    pub(super) then: Then,
}

/// How much of an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many bytes of the head.
    Head(usize),
    /// The head and so many bytes of the body.
    Body(usize),
}

/// What happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The connection is closed.
    Close,
    /// The connection is reset, as by a machine that has crashed.
    Reset,
    /// Nothing for so long, then the rest.
    Stall(Duration),
    /// The rest of the head comes a byte at a time, with this much time between them.
    Drip(Duration),
}

/// Stops the next answer of a connection.
#[derive(Clone, Default)]
pub(crate) struct Handle(Arc<Mutex<Option<Flow>>>);

impl Handle {
    /// From here on what is sent is one answer with this ending.
    pub(crate) fn arm(&self, ending: Ending) {
        *self.flow() = Some(Flow { ending, head: Head::default(), body_bytes: 0, pause: None });
    }

    fn flow(&self) -> MutexGuard<'_, Option<Flow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer on its way.
struct Flow {
    ending: Ending,
    head: Head,
    body_bytes: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The bytes of a head so far, and how many of the four that end it came last.
#[derive(Clone, Copy, Default)]
struct Head {
    bytes: usize,
    ending: usize,
}

impl Head {
    const END: &[u8; 4] = b"\r\n\r\n";

    fn is_complete(self) -> bool {
        self.ending == Self::END.len()
    }

    fn push(&mut self, byte: u8) {
        self.bytes += 1;
        self.ending = match byte == Self::END[self.ending] {
            true => self.ending + 1,
            false => usize::from(byte == Self::END[0]),
        };
    }
}

impl Flow {
    /// How many of `bytes`, which come next, may be sent before something happens.
    fn allowed(&self, bytes: &[u8]) -> usize {
        let mut head = self.head;
        for (number, byte) in bytes.iter().enumerate() {
            if head.is_complete() {
                return match self.ending.at {
                    Place::Head(_) => bytes.len(),
                    Place::Body(stop) => {
                        (stop.saturating_sub(self.body_bytes) + number).min(bytes.len())
                    }
                };
            }
            if matches!(self.ending.at, Place::Head(stop) if head.bytes >= stop) {
                return number;
            }
            head.push(*byte);
        }
        bytes.len()
    }

    fn sent(&mut self, bytes: &[u8]) {
        for (number, byte) in bytes.iter().enumerate() {
            if self.head.is_complete() {
                self.body_bytes += bytes.len() - number;
                return;
            }
            self.head.push(*byte);
        }
    }

    /// Waits for `pause`, which begins with the first call.
    fn poll_pause(&mut self, pause: Duration, ctx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.pause.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(waiting.as_mut().poll(ctx));
        self.pause = None;
        Poll::Ready(())
    }
}

/// The stream of a connection, with its valve.
pub(crate) struct Valve {
    stream: TcpStream,
    handle: Handle,
}

impl Valve {
    /// Open until the handle is armed.
    pub(crate) fn new(stream: TcpStream) -> (Self, Handle) {
        let handle = Handle::default();
        (Self { stream, handle: handle.clone() }, handle)
    }
}

impl AsyncWrite for Valve {
    fn poll_write(
        self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, handle } = self.get_mut();
        let mut armed = handle.flow();
        let Some(flow) = armed.as_mut().filter(|_| !bytes.is_empty()) else {
            return Pin::new(stream).poll_write(ctx, bytes);
        };
        let mut allowed = flow.allowed(bytes);
        if allowed == 0 {
            match flow.ending.then {
                Then::Close => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Then::Reset => {
                    stream.set_zero_linger()?;
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Then::Stall(pause) => {
                    ready!(flow.poll_pause(pause, ctx));
                    *armed = None;
                    return Pin::new(stream).poll_write(ctx, bytes);
                }
                Then::Drip(pause) => {
                    ready!(flow.poll_pause(pause, ctx));
                    allowed = 1;
                    flow.ending.at = Place::Head(flow.head.bytes + 1);
                }
            }
        }
        let sent = ready!(Pin::new(stream).poll_write(ctx, &bytes[..allowed]))?;
        flow.sent(&bytes[..sent]);
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(ctx)
    }
}

impl AsyncRead for Valve {
    fn poll_read(
        self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(ctx, buffer)
    }
}
