//! The only wiring: opens, starts, watches over and stops everything. Tests start the whole server through it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, unbounded};

use crate::base::audience::Audience;
use crate::base::clock::SharedClock;
use crate::base::fault::{Fault, Kind};
use crate::base::manager::{Feeder, Manager};
use crate::base::pulse::Pulse;
use crate::base::shutdown::{self, Shutdown, ShutdownTrigger};
use crate::base::thread::{self, Exit, Outcome};
use crate::config::{self, Config};
use crate::export::Ledger;
use crate::http::api::{Api, SCRIBE, Told};
use crate::http::events::{self, Lobby};
use crate::http::gate::{Gate, Rules};
use crate::http::{self, Edge, Limits};
use crate::inquiry::Desk;
use crate::model::time::human_duration;
use crate::refresh::ledger::SiteLedger;
use crate::refresh::{self, ArchiveLines, Context};
use crate::snapshot::SnapshotCell;
use crate::source::pse::Roots;

/// From the announcement of the stop until everything must have ended.
const STOP_WITHIN: Duration = Duration::from_millis(1_800);
/// The first pause before a refresher is started again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A refresher that lived this long starts again with the first pause.
const LONG_LIFE: Duration = Duration::from_secs(600);

/// How threads are told to stop and tell that they ended; made first, since the demo's threads need it too.
pub struct Hub {
    /// Announces the stop.
    pub trigger: Arc<ShutdownTrigger>,
    /// Hears of the stop.
    pub shutdown: Shutdown,
    /// Takes the last words of threads.
    pub exits: Sender<Exit>,
    ended: Receiver<Exit>,
}

impl Default for Hub {
    fn default() -> Self {
        let (trigger, shutdown) = shutdown::channel();
        let (exits, ended) = unbounded();
        Self { trigger: Arc::new(trigger), shutdown, exits, ended }
    }
}

/// What a server is made of.
pub struct Options {
    /// The site's config.
    pub config: Config,
    /// Where to listen, in place of the config's `web_server.host`.
    pub host: Option<String>,
    /// In place of `web_server.port`; 0 is any free one.
    pub port: Option<u16>,
    /// Whether the site is a demo: every answer about the house says so.
    pub demo: bool,
    /// `/proc`.
    pub proc_root: PathBuf,
    /// The time.
    pub clock: SharedClock,
}

/// A running server.
pub struct App {
    hub: Hub,
    edge: Edge,
    lobby: Lobby,
    streams: JoinHandle<()>,
    context: Context,
    started: Instant,
    refreshers: BTreeMap<&'static str, Life>,
    pulse: Pulse,
}

/// A refresher thread's life.
struct Life {
    kind: refresh::Kind,
    handle: Option<JoinHandle<()>>,
    born: Instant,
    /// When it is started again, while it is gone.
    due: Option<Instant>,
    pause: Duration,
}

impl App {
    /// Opens the socket and starts all threads.
    ///
    /// # Errors
    /// When the address cannot be listened on or the system gives no threads.
    pub fn start(options: Options, hub: Hub) -> Result<Self, Fault> {
        let Options { config, host, port, demo, proc_root, clock } = options;
        let rules = Rules::prepare(&config.access)?;
        let price_roots = Roots::of(&config)?;
        let limits = limits(&config).sane();
        let host = host.unwrap_or_else(|| config.host.clone());
        let port = port.unwrap_or(config.port);
        let listener = http::bind(&host, port).map_err(|fault| explain_busy_port(fault, port, demo))?;
        config.warnings.iter().for_each(|warning| log::warn!("CONFIG: {warning}"));
        let config = Arc::new(config);
        let cell = Arc::new(SnapshotCell::default());
        let (desk, inquiries) = Desk::new();
        // No two runs begin in the same millisecond.
        let boot = format!("{:x}", clock.now().as_millisecond());
        let (lobby, stage) = events::open(limits.event_streams, boot)?;
        let (bell, knocker) = (lobby.clone(), lobby.clone());
        cell.hang_up(move || bell.ring());
        let pulse = Pulse::default();
        let stage = stage.answering_to(pulse.member("events", move || knocker.knock()));
        let audience = Arc::new(Audience::default());
        let api = Api::new(Arc::clone(&cell), clock.clone(), desk, &config, demo)
            .with_events(lobby.clone(), Arc::clone(&audience));
        let ledger = {
            let (config, clock, shutdown) = (Arc::clone(&config), clock.clone(), hub.shutdown.clone());
            move || Box::new(SiteLedger::new(&config, clock.clone(), &shutdown)) as Box<dyn Ledger>
        };
        let api = api.with_exports(ledger);
        let api = Arc::new(api);
        let (told, shutdown) = (Told::new(Arc::clone(&api)), hub.shutdown.clone());
        let streams = thread::spawn("events", &hub.exits, move || stage.run(told, &shutdown))
            .map_err(|error| Fault::io(format!("no thread for the event streams: {error}")))?;
        let gate = Gate::new(Arc::clone(&api) as Arc<dyn http::Handler>, rules, clock.clone());
        let context = Context {
            config,
            clock,
            cell,
            shutdown: hub.shutdown.clone(),
            scribe: SCRIBE,
            price_roots,
            archive: ArchiveLines::new(inquiries),
            proc_root,
            // The demo tells nothing of the machine that it runs on.
            journalctl: (!demo).then(|| "journalctl".into()),
            audience,
            beat: Default::default(),
        };
        let workers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4);
        let handler: Arc<dyn http::Handler> = Arc::new(gate);
        let edge = http::open(listener, limits.clone(), workers, handler, hub.shutdown.clone(), &hub.exits, &pulse)?;
        api.count_with(edge.counters(), limits);
        let (started, refreshers) = (Instant::now(), BTreeMap::new());
        let mut app = Self { hub, edge, lobby, streams, context, started, refreshers, pulse };
        for kind in refresh::Kind::ALL.into_iter().filter(|kind| kind.is_wanted(&app.context.config)) {
            let life = Life { kind, handle: None, born: Instant::now(), due: Some(Instant::now()), pause: FIRST_PAUSE };
            app.refreshers.insert(kind.name(), life);
        }
        app.start_due()?;
        log::info!("serving {} on {}", app.context.config.root.display(), app.address());
        Ok(app)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.edge.local_addr()
    }

    /// What stops it.
    pub fn trigger(&self) -> Arc<ShutdownTrigger> {
        Arc::clone(&self.hub.trigger)
    }

    /// Watches over the threads until the stop is announced, then ends them.
    ///
    /// # Errors
    /// When a part that cannot be started again was lost: the door, a worker or the event streams.
    pub fn run(mut self) -> Result<(), Fault> {
        let status = format!("serving {} on {}", self.context.config.root.display(), self.address());
        let mut feeder = Manager::from_environment().map(|manager| Feeder::ready(manager, self.pulse.clone(), &status));
        let broken = self.watch(feeder.as_mut(), &status).err();
        if let Some(feeder) = &feeder {
            feeder.stopping();
        }
        if let Some(fault) = &broken {
            log::error!("{fault}");
        }
        let deadline = Instant::now() + STOP_WITHIN;
        self.hub.trigger.stop();
        self.lobby.stop();
        let requests = self.edge.counters();
        let edge_ended = self.edge.join(deadline);
        if !edge_ended {
            log::warn!("connections were still busy at the end of the time for stopping");
        }
        if !join_until(Some(self.streams), deadline) {
            log::warn!("the events thread was still busy at the end of the time for stopping");
        }
        for (name, life) in &mut self.refreshers {
            if !join_until(life.handle.take(), deadline) {
                // Only a price request that blocks is expected here.
                log::warn!("the {name} thread was still busy at the end of the time for stopping");
            }
        }
        let served = requests.snapshot().requests;
        log::info!("stopped after {}, {served} requests served", human_duration(self.started.elapsed()));
        broken.map_or(Ok(()), Err)
    }

    /// `feeder` is fed here, by the thread that starts lost refreshers again: if it hangs, nobody is fed.
    fn watch(&mut self, mut feeder: Option<&mut Feeder>, status: &str) -> Result<(), Fault> {
        loop {
            let meal = feeder.as_ref().and_then(|feeder| feeder.due);
            let due = self.refreshers.values().filter_map(|life| life.due).chain(meal).min();
            let pause = due.map_or(Duration::from_secs(3600), |due| due.saturating_duration_since(Instant::now()));
            select! {
                recv(self.hub.shutdown.channel()) -> _ => return Ok(()),
                recv(self.hub.ended) -> exit => if let Ok(exit) = exit {
                    // At the stop threads end; which of the two is heard of first is a matter of chance.
                    if self.hub.shutdown.is_stopping() {
                        return Ok(());
                    }
                    self.mourn(exit)?;
                },
                default(pause) => {},
            }
            self.start_due()?;
            if let Some(feeder) = &mut feeder {
                feeder.look(Instant::now(), status);
            }
        }
    }

    /// Deals with the end of a thread.
    fn mourn(&mut self, exit: Exit) -> Result<(), Fault> {
        let why = match &exit.outcome {
            Outcome::Finished => "it ended".to_owned(),
            Outcome::Failed(fault) => fault.to_string(),
            Outcome::Panicked(text) => format!("it panicked: {text}"),
        };
        let Some(life) = self.refreshers.get_mut(exit.name.as_str()) else {
            // Who owned sockets cannot be replaced: what is handed over after its end reaches nobody.
            if exit.name.starts_with("http-") || exit.name.starts_with("door") || exit.name == "events" {
                return Err(Fault::io(format!("the thread {} is lost ({why}); the program ends", exit.name)));
            }
            if !matches!(exit.outcome, Outcome::Finished) {
                log::error!("the thread {} is lost: {why}", exit.name);
            }
            return Ok(());
        };
        if life.born.elapsed() > LONG_LIFE {
            life.pause = FIRST_PAUSE;
        }
        life.handle = None;
        self.pulse.leave(&exit.name);
        life.due = Some(Instant::now() + life.pause);
        log::error!("the {} thread is lost ({why}); it is started again in {} s", exit.name, life.pause.as_secs());
        life.pause = (life.pause * 2).min(LONGEST_PAUSE);
        self.context.cell.publish(|next| {
            next.gone.insert(exit.name, why);
        });
        Ok(())
    }

    /// Starts the refreshers whose time has come.
    fn start_due(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        for (name, life) in &mut self.refreshers {
            if life.due.is_none_or(|due| due > now) {
                continue;
            }
            let (kind, context) = (life.kind, Context { beat: self.pulse.sleeper(name), ..self.context.clone() });
            match thread::spawn(name, &self.hub.exits, move || kind.run(context)) {
                Ok(handle) => life.handle = Some(handle),
                Err(error) => {
                    log::error!("cannot start the {name} thread, trying again in {} s: {error}", life.pause.as_secs());
                    life.due = Some(now + life.pause);
                    self.pulse.leave(name);
                    continue;
                }
            }
            life.born = now;
            life.due = None;
            if self.context.cell.load().gone.contains_key(*name) {
                self.context.cell.publish(|next| {
                    next.gone.remove(*name);
                });
            }
        }
        Ok(())
    }
}

/// Waits for a thread, but not beyond `deadline`.
fn join_until(handle: Option<JoinHandle<()>>, deadline: Instant) -> bool {
    let Some(handle) = handle else { return true };
    while !handle.is_finished() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    handle.join().is_ok()
}

/// The config's limits as the server's.
fn limits(config: &Config) -> Limits {
    let config::Limits { connections, per_address, head_bytes, headers, queue, in_flight, .. } = config.limits;
    let config::Limits { head_time, idle_time, write_time, downloads: detached, event_streams, .. } = config.limits;
    let trusted_proxies = config.access.trusted_proxies.clone();
    Limits {
        connections,
        per_address,
        trusted_proxies,
        head_bytes,
        headers,
        head_time,
        idle_time,
        write_time,
        queue,
        in_flight,
        grace: Limits::default().grace,
        detached,
        event_streams,
    }
}

fn explain_busy_port(fault: Fault, port: u16, demo: bool) -> Fault {
    if fault.kind() != Kind::Locked {
        return fault;
    }
    let other =
        format!("give Wattboard another port with --port (such as --port {})", port.checked_add(1).unwrap_or(8081));
    let text = if demo {
        format!("{fault}; {other}")
    } else {
        format!(
            "{fault}; if it is the coordinator's own dashboard, set web_server.enabled to false in its config and \
             restart it, or {other}"
        )
    };
    Fault::new(Kind::Locked, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(web_server: &str) -> Limits {
        let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
        let text = format!("{tariff}\nweb_server: {{{web_server}}}\n");
        limits(&Config::parse(Path::new("/site/config/c.yaml"), &text).unwrap())
    }

    #[test]
    fn the_config_s_limits_are_the_server_s() {
        assert_eq!(read(""), Limits::default(), "both have the same defaults");
        let all = "limits: {connections: 4096, per_address: 4095, head_bytes: 65536, headers: 128, head_seconds: 300, \
                   idle_seconds: 3600, write_seconds: 600, queue: 4094, in_flight: 4093, downloads: 16, event_streams: 1024}";
        let seconds = Duration::from_secs;
        let most = Limits {
            connections: 4096,
            per_address: 4095,
            trusted_proxies: vec![std::net::IpAddr::from([127, 0, 0, 1]).into()],
            head_bytes: 65_536,
            headers: 128,
            head_time: seconds(300),
            idle_time: seconds(3600),
            write_time: seconds(600),
            queue: 4094,
            in_flight: 4093,
            grace: Limits::default().grace,
            detached: 16,
            event_streams: 1024,
        };
        assert_eq!(read(&format!("trusted_proxies: [127.0.0.1], {all}")), most);
        assert_eq!(most.clone().sane(), most, "what the config allows, the server can do");
    }
}
