//! The service manager that started the program, where it wants to hear of it: systemd's notification protocol, which is
//! datagrams of lines `KEY=value` to the socket that `$NOTIFY_SOCKET` names. Others speak it too.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use super::pulse::Pulse;

/// How long a manager may keep a word from being sent.
const SEND_WITHIN: Duration = Duration::from_secs(1);
/// While somebody is silent, it is looked again so many times between two meals.
const LOOKS: u32 = 8;

/// The way to the service manager.
#[derive(Debug)]
pub struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How long it waits for a sign of life.
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    pub fn from_environment() -> Option<Self> {
        Self::named(|name| std::env::var_os(name), std::process::id())
    }

    fn named(environment: impl Fn(&str) -> Option<OsString>, own_pid: u32) -> Option<Self> {
        let name = environment("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let address = match name.as_bytes() {
            [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
            [b'/', ..] => SocketAddr::from_pathname(Path::new(&name)),
            _ => return refused(&name, "it is neither a path nor @NAME"),
        };
        let number = |name: &str| environment(name)?.to_str()?.parse::<u64>().ok();
        // A number that is not ours is for another process; none is for whoever has the socket.
        let is_ours = environment("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(u64::from(own_pid));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0).map(Duration::from_micros);
        let opened = address.and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(SEND_WITHIN))?;
            Ok(Self { socket, address, watchdog })
        });
        opened.map_or_else(|error| refused(&name, &error.to_string()), Some)
    }

    /// Tells it these lines. What does not reach it is told in the log at most: the service goes on.
    pub fn tell(&self, lines: &str) {
        if let Err(error) = self.socket.send_to_addr(lines.as_bytes(), &self.address) {
            log::debug!("SERVICE: the service manager was not told {lines:?}: {error}");
        }
    }
}

fn refused(name: &OsString, why: &str) -> Option<Manager> {
    log::warn!("SERVICE: NOTIFY_SOCKET={}: {why}; the service manager is told nothing", name.display());
    None
}

/// Feeds the manager's watchdog, twice as often as it asks for, while all threads of a pulse answer.
pub struct Feeder {
    manager: Manager,
    pulse: Pulse,
    every: Option<Duration>,
    /// When the next meal is due.
    pub due: Option<Instant>,
    hungry_since: Option<Instant>,
}

impl Feeder {
    /// Tells the manager that all is ready, and how to call it.
    pub fn ready(manager: Manager, pulse: Pulse, status: &str) -> Self {
        manager.tell(&format!("READY=1\nSTATUS={status}\nMAINPID={}", std::process::id()));
        let every = manager.watchdog.map(|watchdog| watchdog / 2);
        Self { manager, pulse, due: every.map(|_| Instant::now()), every, hungry_since: None }
    }

    /// Feeds, where it is time. Whoever was knocked at the last time has to have answered.
    pub fn look(&mut self, now: Instant, status: &str) {
        let Some(every) = self.every.filter(|_| self.due.is_some_and(|due| due <= now)) else { return };
        let silent = self.pulse.silent(now);
        if silent.is_empty() {
            let mut lines = "WATCHDOG=1".to_owned();
            if let Some(since) = self.hungry_since.take() {
                log::warn!("SERVICE: all threads answer again, after {} s", since.elapsed().as_secs());
                lines = format!("{lines}\nSTATUS={status}");
            }
            self.manager.tell(&lines);
            self.pulse.knock();
            self.due = Some(now + every);
            return;
        }
        self.due = Some(now + every / LOOKS);
        if self.hungry_since.is_none() {
            self.hungry_since = Some(now);
            let text = format!("does not answer: {}; the watchdog is not fed", silent.join(", "));
            log::error!("SERVICE: {text}");
            self.manager.tell(&format!("STATUS={text}"));
        }
    }

    /// Tells that the end has begun.
    pub fn stopping(&self) {
        self.manager.tell("STOPPING=1\nSTATUS=stopping");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(name: &str) -> UnixDatagram {
        let listener = match name.strip_prefix('@') {
            Some(name) => UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap(),
            None => UnixDatagram::bind(name).unwrap(),
        };
        listener.set_nonblocking(true).unwrap();
        listener
    }

    fn heard(listener: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 1024];
        std::iter::from_fn(|| {
            listener.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned())
        })
        .collect()
    }

    fn manager(pairs: &[(&str, &str)]) -> Option<Manager> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        Manager::named(find, 7)
    }

    #[test]
    fn paths_and_abstract_names_are_sockets() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("notify").display().to_string();
        for name in [path, format!("@wattboard-test-{}", std::process::id())] {
            let listener = listener(&name);
            manager(&[("NOTIFY_SOCKET", &name)]).unwrap().tell("READY=1");
            assert_eq!(heard(&listener), ["READY=1"], "{name}");
        }
        for name in ["", "vsock:2:1", "relative"] {
            assert!(manager(&[("NOTIFY_SOCKET", name)]).is_none(), "{name}");
        }
        assert!(manager(&[]).is_none());
        manager(&[("NOTIFY_SOCKET", "/no/such/socket")]).unwrap().tell("nobody hears it");
    }

    #[test]
    fn the_watchdog_is_the_named_process_s() {
        let watchdog = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().chain(&[("NOTIFY_SOCKET", "/x")]).copied().collect();
            manager(&pairs).unwrap().watchdog
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "60000000")]), minute);
        assert_eq!(watchdog(&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "7")]), minute);
        for other in ["8", "", "x", "-7"] {
            assert_eq!(watchdog(&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", other)]), None, "{other}");
        }
        for micros in ["0", "", "-1", "soon"] {
            assert_eq!(watchdog(&[("WATCHDOG_USEC", micros)]), None, "{micros}");
        }
    }

    #[test]
    fn it_is_fed_while_everybody_answers() {
        let name = format!("@wattboard-feed-{}", std::process::id());
        let listener = listener(&name);
        let (pulse, begin) = (Pulse::default(), Instant::now());
        let beat = pulse.member("prices", || {});
        let manager = manager(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "20000000")]).unwrap();
        let mut feeder = Feeder::ready(manager, pulse, "serving");
        let at = |seconds: u64| begin + Duration::from_secs(1) + Duration::from_secs(seconds);
        let ready = heard(&listener);
        assert!(ready[0].starts_with("READY=1\nSTATUS=serving"), "{ready:?}");
        feeder.look(at(0), "serving");
        assert_eq!(heard(&listener), ["WATCHDOG=1"]);
        feeder.look(at(5), "serving");
        assert!(heard(&listener).is_empty(), "not before its time");
        beat.here();
        feeder.look(at(10), "serving");
        assert_eq!(heard(&listener), ["WATCHDOG=1"]);
        feeder.look(at(20), "serving");
        assert_eq!(heard(&listener), ["STATUS=does not answer: prices; the watchdog is not fed"]);
        feeder.look(at(25), "serving");
        assert!(heard(&listener).is_empty(), "said once");
        beat.here();
        feeder.look(at(30), "serving");
        assert_eq!(heard(&listener), ["WATCHDOG=1\nSTATUS=serving"]);
        feeder.stopping();
        assert_eq!(heard(&listener), ["STOPPING=1\nSTATUS=stopping"]);
    }
}
