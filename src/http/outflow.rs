//! The socket of an answer on a thread of its own: patient with a client that is slow, not with one that takes nothing, and
//! over soon after the stop.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::message::{Body, Response};
use super::render::{Manner, Output};

/// How often a write that is stuck looks for the stop.
const GLANCE: Duration = Duration::from_millis(200);
/// How much longer an answer may go on when the stop has come, while its client takes it.
const STOP_TIME: Duration = Duration::from_secs(1);

/// Such a socket, to be written to.
pub struct Outflow {
    socket: TcpStream,
    write_time: Duration,
    is_stopping: Box<dyn Fn() -> bool + Send>,
    /// When the stop was noticed.
    stopped: Option<Instant>,
}

impl Outflow {
    /// Of a socket. A write that is stuck for `write_time` fails.
    ///
    /// # Errors
    /// When the socket takes no options.
    pub fn new(
        socket: TcpStream,
        write_time: Duration,
        is_stopping: impl Fn() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_write_timeout(Some(write_time.clamp(Duration::from_millis(1), GLANCE)))?;
        Ok(Self { socket, write_time, is_stopping: Box::new(is_stopping), stopped: None })
    }

    /// Sends a short answer, which is the last one.
    ///
    /// # Errors
    /// As when it is written to.
    pub fn say(&mut self, response: Response<Body>, head_only: bool) -> io::Result<()> {
        let mut output = Output::default();
        output.render(response, Manner { head_only, ..Manner::LAST_WORD });
        while !output.is_sent() {
            output.send(self)?;
        }
        Ok(())
    }

    /// For answers that send nothing for a while: whether to go on with them. A client that only has no more to say may
    /// still listen.
    ///
    /// # Errors
    /// When the client broke off, or the server stops.
    pub fn go_on(&mut self) -> io::Result<()> {
        if (self.is_stopping)() {
            return Err(stop());
        }
        self.socket.set_nonblocking(true)?;
        let heard = self.socket.peek(&mut [0]);
        self.socket.set_nonblocking(false)?;
        match heard {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the stop has come, so long ago.
    fn stopped_for(&mut self) -> Option<Duration> {
        if self.stopped.is_none() && (self.is_stopping)() {
            self.stopped = Some(Instant::now());
        }
        self.stopped.map(|at| at.elapsed())
    }
}

fn stop() -> io::Error {
    io::Error::other("the server stops")
}

impl Write for Outflow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let began = Instant::now();
        if self.stopped_for().is_some_and(|so_long| so_long >= STOP_TIME) {
            return Err(stop());
        }
        loop {
            match self.socket.write(bytes) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.stopped_for().is_some() {
                        return Err(stop());
                    }
                    if began.elapsed() >= self.write_time {
                        return Err(io::Error::new(ErrorKind::TimedOut, "the client takes nothing"));
                    }
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn outflow(write_time: Duration) -> (Outflow, TcpStream, Arc<AtomicBool>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stopping);
        let socket = listener.accept().unwrap().0;
        (Outflow::new(socket, write_time, move || asked.load(SeqCst)).unwrap(), client, stopping)
    }

    /// Writes without end; how that ended, after how long.
    fn written_until_the_end(mut outflow: Outflow) -> std::thread::JoinHandle<(String, Duration)> {
        std::thread::spawn(move || {
            let mut moved = Instant::now();
            loop {
                match outflow.write(&[b'x'; 10_000]) {
                    Ok(taken) => {
                        assert!(taken > 0);
                        moved = Instant::now();
                    }
                    Err(error) => return (error.to_string(), moved.elapsed()),
                }
            }
        })
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up_after_its_time() {
        for write_time in [50, 900].map(Duration::from_millis) {
            let (outflow, _client, _) = outflow(write_time);
            let (why, took) = written_until_the_end(outflow).join().unwrap();
            assert_eq!(why, "the client takes nothing");
            assert!(took >= write_time && took < PATIENCE, "{took:?}");
        }
    }

    #[test]
    fn a_stuck_write_ends_at_the_stop() {
        let (outflow, _client, stopping) = outflow(PATIENCE);
        let work = written_until_the_end(outflow);
        std::thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        stopping.store(true, SeqCst);
        assert_eq!(work.join().unwrap().0, "the server stops");
        assert!(started.elapsed() < STOP_TIME, "{:?}", started.elapsed());
    }

    #[test]
    fn who_takes_all_is_served_a_little_longer() {
        let (outflow, mut client, stopping) = outflow(PATIENCE);
        let work = written_until_the_end(outflow);
        let taker = std::thread::spawn(move || io::copy(&mut client, &mut io::sink()));
        let started = Instant::now();
        stopping.store(true, SeqCst);
        assert_eq!(work.join().unwrap().0, "the server stops");
        assert!(started.elapsed() >= STOP_TIME && started.elapsed() < 2 * STOP_TIME, "{:?}", started.elapsed());
        assert!(taker.join().unwrap().unwrap() > 10_000);
    }

    #[test]
    fn a_short_answer_is_the_last_one() {
        use crate::http::message::{Bytes, ready};
        for (head_only, end) in [(false, "\r\n\r\nshort"), (true, "\r\n\r\n")] {
            let (mut outflow, mut client, _) = outflow(PATIENCE);
            outflow.say(ready(404, "text/plain", Bytes::Static(b"short")), head_only).unwrap();
            drop(outflow);
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert!(
                text.starts_with("HTTP/1.1 404 Not Found\r\nConnection: close\r\n") && text.ends_with(end),
                "{text}"
            );
            assert!(text.contains("\r\nContent-Length: 5\r\n"), "{text}");
        }
    }
}
