//! Sockets and their registration with the poller, tied together. The edge's one place with `unsafe`.
//!
//! `polling` asks for one thing that the compiler cannot see: a source must be deleted from its poller before it is
//! closed. Invariants that keep this promise:
//!
//! 1. A [`Watched`] owns its socket; the socket never leaves it, and only a duplicate can be had from outside. (What
//!    [`Given`](super::given::Given) gives away of itself is bytes, never the socket.)
//! 2. It is made by [`Watched::new`] alone, which registers the socket, or fails and closes an unregistered one.
//! 3. Its `Drop` deletes the registration, and fields are dropped after `Drop` has run, so the socket closes later.
//! 4. It holds the poller by `Arc`: the poller outlives the registration.

use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use polling::{Event, PollMode, Poller};

/// A socket that is registered with a poller for as long as it lives.
#[derive(Debug)]
pub struct Watched<S: AsFd + AsRawFd> {
    socket: S,
    poller: Arc<Poller>,
    key: usize,
}

impl<S: AsFd + AsRawFd> Watched<S> {
    /// Registers `socket` as `key`, interested in nothing yet.
    ///
    /// # Errors
    /// When the system refuses the registration; the socket is closed then.
    #[allow(unsafe_code)]
    pub fn new(socket: S, poller: &Arc<Poller>, key: usize) -> io::Result<Self> {
        // SAFETY: the socket moves into the value below, whose `Drop` deletes it from this very poller before the
        // socket is closed (see the invariants above).
        unsafe { poller.add_with_mode(&socket, Event::none(key), PollMode::Oneshot)? };
        Ok(Self { socket, poller: Arc::clone(poller), key })
    }

    /// The key that its events carry.
    pub fn key(&self) -> usize {
        self.key
    }

    /// Asks for one event, as soon as there is something to read (or the peer is gone).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn await_readable(&self) -> io::Result<()> {
        self.poller.modify(self.socket.as_fd(), Event::readable(self.key))
    }

    /// Asks for one event, as soon as something can be written (or the peer is gone).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn await_writable(&self) -> io::Result<()> {
        self.poller.modify(self.socket.as_fd(), Event::writable(self.key))
    }

    /// Asks for one event, as soon as something can be read or written (or the peer is gone).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn await_either(&self) -> io::Result<()> {
        self.poller.modify(self.socket.as_fd(), Event::all(self.key))
    }
}

impl<S: AsFd + AsRawFd> Deref for Watched<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.socket
    }
}

impl<S: AsFd + AsRawFd> Drop for Watched<S> {
    fn drop(&mut self) {
        // Fails only when it is not registered, which is what is wanted.
        let _ = self.poller.delete(self.socket.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn keys(poller: &Poller, wait: Duration) -> Vec<usize> {
        let mut events = polling::Events::new();
        poller.wait(&mut events, Some(wait)).unwrap();
        events.iter().map(|event| event.key).collect()
    }

    #[test]
    fn a_registration_lives_as_long_as_its_socket() {
        let poller = Arc::new(Poller::new().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let duplicate = socket.try_clone().unwrap();
        let watched = Watched::new(socket, &poller, 7).unwrap();
        client.write_all(b"x").unwrap();
        assert!(keys(&poller, Duration::ZERO).is_empty(), "interested in nothing at first");
        watched.await_readable().unwrap();
        assert_eq!(keys(&poller, Duration::from_secs(10)), [7]);
        assert!(keys(&poller, Duration::ZERO).is_empty(), "one event for one request");
        watched.await_writable().unwrap();
        assert_eq!(keys(&poller, Duration::from_secs(10)), [7]);
        watched.await_readable().unwrap();
        drop(watched);
        // The duplicate keeps the socket open: without the deletion its events would still come.
        assert!(keys(&poller, Duration::ZERO).is_empty());
        let again = Watched::new(duplicate, &poller, 8).unwrap();
        again.await_readable().unwrap();
        assert_eq!(keys(&poller, Duration::from_secs(10)), [8]);
    }
}
