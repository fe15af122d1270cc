//! `wattboard serve` and `wattboard demo`: the same server on a real site or on a simulated one.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use log::LevelFilter;

use super::state;
use crate::app::{App, Hub, Options};
use crate::base::clock::{SharedClock, SystemClock};
use crate::base::fault::Fault;
use crate::base::thread::panic_text;
use crate::cli::{ServeFlags, start_log};
use crate::config::Config;
use crate::demo::{Demo, DemoOptions};

/// Why a server is not running any more.
pub enum Ended {
    /// It never ran: bad config, port in use.
    NotStarted(Fault),
    /// It lost a part that it cannot do without.
    Broken(Fault),
}

/// The config to use: the flag's, `$WATTBOARD_CONFIG`, or the usual place below the current folder.
pub fn config_path(flag: Option<PathBuf>) -> PathBuf {
    let from_environment = || std::env::var_os("WATTBOARD_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    flag.or_else(from_environment).unwrap_or_else(|| PathBuf::from("config/master_coordinator_config.yaml"))
}

/// Serves a site until a signal comes.
///
/// # Errors
/// See [`Ended`].
pub fn serve(flags: ServeFlags) -> Result<(), Ended> {
    let named = flags.config.is_some() || std::env::var_os("WATTBOARD_CONFIG").is_some();
    let config = Config::load(&config_path(flags.config.clone())).and_then(Config::with_token).map_err(|fault| {
        let hint = if named { "" } else { "; name it with --config FILE, or try wattboard demo" };
        Ended::NotStarted(Fault::new(fault.kind(), format!("{fault}{hint}")))
    })?;
    start_log(flags.log_level.unwrap_or(config.log_level));
    let site = state::Files::of(&config);
    let config = config.keep_state(flags.state_dir.as_deref()).map_err(Ended::NotStarted)?;
    state::take_over(&site, &config);
    run(Hub::default(), config, flags, false, Arc::new(SystemClock))
}

/// Makes a simulated house and serves it until a signal comes; its folder is removed at the end.
///
/// # Errors
/// See [`Ended`].
pub fn demo(mut flags: ServeFlags, options: &DemoOptions) -> Result<(), Ended> {
    start_log(flags.log_level.unwrap_or(LevelFilter::Info));
    let hub = Hub::default();
    let clock: SharedClock = Arc::new(SystemClock);
    let demo = Demo::start(options, clock.clone(), &hub.shutdown, &hub.exits).map_err(Ended::NotStarted)?;
    let config = Config::load(demo.config_path()).map_err(Ended::NotStarted)?;
    flags.host.get_or_insert_with(|| "127.0.0.1".to_owned());
    log::info!("DEMO: a simulated house in {}", demo.root().display());
    let ended = run(hub, config, flags, true, clock);
    drop(demo);
    ended
}

fn run(hub: Hub, config: Config, flags: ServeFlags, demo: bool, clock: SharedClock) -> Result<(), Ended> {
    report_panics();
    let trigger = Arc::clone(&hub.trigger);
    let shutdown = hub.shutdown.clone();
    let handled = ctrlc::set_handler(move || {
        if shutdown.is_stopping() {
            // The second signal: whoever sends it does not want to wait.
            std::process::exit(130);
        }
        log::info!("stopping");
        trigger.stop();
    });
    handled.map_err(|error| Ended::NotStarted(Fault::io(format!("cannot handle signals: {error}"))))?;
    let options =
        Options { config, host: flags.host, port: flags.port, demo, proc_root: PathBuf::from("/proc"), clock };
    let app = App::start(options, hub).map_err(Ended::NotStarted)?;
    announce(&app);
    app.run().map_err(Ended::Broken)
}

/// The first line on standard output. Whoever closed it does not want to know.
fn announce(app: &App) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "listening on http://{}", app.address()).and_then(|()| out.flush());
}

/// A panic is contained where it happens; here it becomes one line of the log (repeats are counted there).
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        log::error!("PANIC: in {thread}{place}: {}", panic_text(info.payload()));
    }));
}
