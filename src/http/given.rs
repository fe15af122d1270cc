//! A connection that was given to an owner of its own (event streams): it keeps its place at the edge until it ends, so
//! that it counts among all connections and among those of its address.

use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use socket2::SockRef;

use super::counters::{Closed, Counters};
use super::shared::{Back, Shared};

/// The connection, not blocking. When it is dropped it closes, and its place is free.
pub struct Given {
    socket: Option<TcpStream>,
    key: usize,
    shared: Arc<Shared>,
    why: Cell<Closed>,
}

impl Given {
    pub(super) fn new(socket: TcpStream, key: usize, shared: &Arc<Shared>) -> Self {
        shared.counters.event_streams.fetch_add(1, Relaxed);
        Self { socket: Some(socket), key, shared: Arc::clone(shared), why: Cell::new(Closed::Left) }
    }

    fn socket(&self) -> &TcpStream {
        self.socket.as_ref().expect("it is there until it is dropped")
    }

    /// Offers bytes to the socket, once; answers how many it took.
    ///
    /// # Errors
    /// Those of the socket, "would block" among them.
    pub fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            match self.socket().write_vectored(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    self.shared.counters.sent(taken);
                    return Ok(taken);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads once.
    ///
    /// # Errors
    /// Those of the socket, "would block" among them.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Bounds what the kernel keeps for a client that does not read, and how long it waits for one that is gone.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn bound(&self, send_bytes: usize, patience: Duration) -> io::Result<()> {
        let socket = SockRef::from(self.socket());
        socket.set_send_buffer_size(send_bytes)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(patience))?;
        let _ = patience;
        Ok(())
    }

    /// Says why it ends, then ends it. What is unsent is thrown away, unless it was the last word.
    pub fn end(&self, why: Closed) {
        self.why.set(why);
        // Both fail only when the peer is gone already.
        if matches!(why, Closed::Shutdown | Closed::Answered) {
            let _ = self.socket().shutdown(Shutdown::Write);
        } else {
            let _ = SockRef::from(self.socket()).set_linger(Some(Duration::ZERO));
        }
    }

    /// Counts a panic that was contained.
    pub fn count_panic(&self) {
        Counters::add(&self.shared.counters.panics);
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        // Closed first, so that its place is not given away while it is still open.
        drop(self.socket.take());
        self.shared.counters.event_streams.fetch_sub(1, Relaxed);
        self.shared.counters.closed(self.why.get());
        self.shared.tell(Back::Closed(self.key));
    }
}

impl AsFd for Given {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl AsRawFd for Given {
    fn as_raw_fd(&self) -> RawFd {
        self.socket().as_raw_fd()
    }
}
