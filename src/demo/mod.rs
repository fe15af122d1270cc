//! The demo: a simulated house whose coordinator is played, on disk exactly as the real one leaves it.
//!
//! [`Demo::start`] makes a site in a temporary folder, plays the coordinator that writes to it and the price API
//! that it asks. The server knows nothing of this: it is given the site's configuration file like any other.
//! Everything is deterministic by seed. Nothing in here reads what it has written.
//!
//! - what happens: [`weather`], [`load`], [`prices`], [`plan`], [`house`]; pure, on [`noise`]
//! - what is left on disk: [`config_file`], [`database`], [`telling`], [`history`], and live [`player`]
//! - what is asked over the network: [`price_rows`], [`price_answer`], [`price_api`]

pub mod config_file;
pub mod coordinator;
pub mod database;
mod folder;
pub mod history;
pub mod house;
pub mod load;
pub mod noise;
pub mod plan;
pub mod player;
pub mod price_answer;
pub mod price_api;
pub mod price_rows;
pub mod prices;
pub mod telling;
pub mod weather;

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, select};

use crate::base::clock::SharedClock;
use crate::base::fault::Fault;
use crate::base::shutdown::{self, Shutdown, ShutdownTrigger};
use crate::base::thread::{self, Exit};
use crate::base::zones;
use folder::Folder;
use history::Paths;
use player::Player;
use price_api::PriceApi;
use prices::Market;

/// Days of history that may be asked for.
pub const DAYS: std::ops::RangeInclusive<u32> = 1..=3660;

/// What the demo is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Whole days of history before today, one of [`DAYS`].
    pub days: u32,
    /// The same seed makes the same weather, prices and household.
    pub seed: u64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { days: 60, seed: 7 }
    }
}

/// A demo under way. Dropped, it stops its threads, waits for them and removes its folder.
#[derive(Debug)]
pub struct Demo {
    paths: Paths,
    threads: Vec<JoinHandle<()>>,
    stop: ShutdownTrigger,
    // Last: removed when nobody writes any more.
    folder: Folder,
}

/// What the demo's threads wait on: the server's end or the demo's own, whichever comes first.
#[derive(Debug, Clone)]
pub struct Stop {
    server: Shutdown,
    demo: Shutdown,
}

impl Stop {
    /// Sleeps for `timeout`, or until a stop is announced. Answers whether to go on.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        select! {
            recv(self.server.channel()) -> _ => false,
            recv(self.demo.channel()) -> _ => false,
            default(timeout) => true,
        }
    }
}

impl Demo {
    /// Makes the site and starts what plays on it. When this returns, the site is complete and its newest state is now.
    ///
    /// # Errors
    /// When the options are out of range, or folder, socket or thread are not to be had; nothing is left behind then.
    pub fn start(
        options: &DemoOptions,
        clock: SharedClock,
        shutdown: &Shutdown,
        exits: &Sender<Exit>,
    ) -> Result<Self, Fault> {
        Self::start_in(&std::env::temp_dir(), options, clock, shutdown, exits)
    }

    /// The same under another parent folder.
    ///
    /// # Errors
    /// As [`Demo::start`].
    pub fn start_in(
        parent: &Path,
        options: &DemoOptions,
        clock: SharedClock,
        shutdown: &Shutdown,
        exits: &Sender<Exit>,
    ) -> Result<Self, Fault> {
        if !DAYS.contains(&options.days) {
            let (least, most) = (DAYS.start(), DAYS.end());
            return Err(Fault::invalid(format!("a demo of {} days: {least} to {most} are possible", options.days)));
        }
        let zone = zones::zone(config_file::ZONE)
            .ok_or_else(|| Fault::invalid(format!("no time zone {}", config_file::ZONE)))?;
        let folder = Folder::create(parent)?;
        let api = PriceApi::bind(Market::new(options.seed, zone.clone()), zone.clone(), options.seed)?;
        let now = clock.now();
        let coordinator = history::write(folder.path(), (options.days, options.seed), &zone, now, &api.url())?;
        let paths = Paths::under(folder.path());
        let mut player = Player::new(coordinator, paths.clone(), zone, now);
        player.beat(now)?;

        let (trigger, stopped) = shutdown::channel();
        let stop = Stop { server: shutdown.clone(), demo: stopped };
        let mut demo = Self { paths, threads: Vec::with_capacity(2), stop: trigger, folder };
        let (player_clock, player_stop) = (clock.clone(), stop.clone());
        demo.keep(thread::spawn("demo-player", exits, move || player.run(&player_clock, &player_stop)))?;
        demo.keep(thread::spawn("demo-prices", exits, move || api.run(&clock, &stop)))?;
        Ok(demo)
    }

    /// The site's configuration file: what the server is to be given.
    pub fn config_path(&self) -> &Path {
        &self.paths.config
    }

    /// The site's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The coordinator's main log.
    pub fn log_path(&self) -> PathBuf {
        self.paths.logs.join(telling::MASTER_LOG)
    }

    /// The coordinator's database.
    pub fn database_path(&self) -> &Path {
        &self.paths.database
    }

    fn keep(&mut self, started: io::Result<JoinHandle<()>>) -> Result<(), Fault> {
        let handle = started.map_err(|error| Fault::io(format!("cannot start a thread of the demo: {error}")))?;
        self.threads.push(handle);
        Ok(())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.stop();
        for handle in self.threads.drain(..) {
            // A panic was reported by the thread itself.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::SystemClock;
    use crate::base::thread::Outcome;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn a_demo_comes_and_goes() {
        let parent = tempfile::tempdir().unwrap();
        let (_trigger, shutdown) = shutdown::channel();
        let (exits, ended) = crossbeam_channel::unbounded();
        let options = DemoOptions { days: 2, seed: 7 };
        let demo = Demo::start_in(parent.path(), &options, Arc::new(SystemClock), &shutdown, &exits).unwrap();
        for path in [demo.config_path(), demo.database_path(), &demo.log_path()] {
            assert!(path.starts_with(demo.root()) && path.is_file(), "{}", path.display());
        }
        let started = Instant::now();
        drop(demo);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
        let mut names: Vec<String> = ended
            .try_iter()
            .map(|exit| {
                assert!(matches!(exit.outcome, Outcome::Finished));
                exit.name
            })
            .collect();
        names.sort();
        assert_eq!(names, ["demo-player", "demo-prices"]);
    }

    #[test]
    fn the_servers_shutdown_ends_its_threads() {
        let parent = tempfile::tempdir().unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let (exits, ended) = crossbeam_channel::unbounded();
        let options = DemoOptions { days: 1, seed: 7 };
        let _demo = Demo::start_in(parent.path(), &options, Arc::new(SystemClock), &shutdown, &exits).unwrap();
        trigger.stop();
        for _ in 0..2 {
            ended.recv_timeout(Duration::from_secs(10)).unwrap();
        }
    }

    #[test]
    fn a_start_that_fails_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();
        let (_trigger, shutdown) = shutdown::channel();
        let (exits, _ended) = crossbeam_channel::unbounded();
        let options = DemoOptions { days: 0, seed: 7 };
        let clock: SharedClock = Arc::new(SystemClock);
        let fault = Demo::start_in(parent.path(), &options, clock, &shutdown, &exits).unwrap_err();
        assert_eq!(fault.to_string(), "a demo of 0 days: 1 to 3660 are possible");
        // A clock at the calendar's beginning: folder and socket are there already when the days cannot be counted.
        let clock: SharedClock = Arc::new(crate::base::clock::SimulatedClock::new(jiff::Timestamp::MIN));
        let options = DemoOptions { days: 60, seed: 7 };
        assert!(Demo::start_in(parent.path(), &options, clock, &shutdown, &exits).is_err());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
