//! How long a client may take to read its answer: whoever doesn't would keep a connection, and the answer's memory, for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that a client has to read in a second, in the long run. What fits the system's buffers it may read when it likes.
const RATE: u64 = 16 << 10;

/// What is left of the time for which it is waited: a client that reads earns some of it back.
#[derive(Clone, Copy, Debug)]
struct Patience {
    most: Duration,
    spent: Duration,
}

impl Patience {
    fn waited(&mut self, time: Duration) {
        self.spent = self.spent.saturating_add(time).min(self.most);
    }

    fn read(&mut self, bytes: usize) {
        self.spent = self
            .spent
            .saturating_sub(Duration::from_secs_f64(bytes as f64 / RATE as f64));
    }

    fn left(&self) -> Duration {
        self.most - self.spent
    }
}

/// A connection whose client has to read.
pub struct Patient {
    stream: TcpStream,
    patience: Patience,
    /// Since when it is waited for the client, and what ends that.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Patient {
    /// `most`: for a client that reads nothing.
    pub fn new(stream: TcpStream, most: Duration) -> Patient {
        let spent = Duration::ZERO;
        Patient {
            stream,
            patience: Patience { most, spent },
            waiting: None,
        }
    }

    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            if let Some((since, _)) = self.waiting.take() {
                self.patience.waited(since.elapsed());
            }
            if let Ok(bytes) = result {
                self.patience.read(bytes);
            }
            return Poll::Ready(result);
        }
        let left = self.patience.left();
        let (_, end) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + left)))
        });
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_reads_earns_time_and_never_more_than_there_is() {
        let mut patience = Patience {
            most: 30 * SECOND,
            spent: Duration::ZERO,
        };
        patience.waited(20 * SECOND);
        assert_eq!(patience.left(), 10 * SECOND);
        patience.read(5 * RATE as usize);
        assert_eq!(patience.left(), 15 * SECOND);
        patience.read(1 << 30);
        assert_eq!(patience.left(), 30 * SECOND);
    }

    /// A byte now and then doesn't keep a connection.
    #[test]
    fn who_reads_too_slowly_is_given_up() {
        let mut patience = Patience {
            most: 30 * SECOND,
            spent: Duration::ZERO,
        };
        let waits = (0..).take_while(|_| {
            patience.waited(SECOND);
            patience.read(RATE as usize / 2);
            patience.left() > SECOND
        });
        assert!((50..60).contains(&waits.count()));
    }
}
