//! `wattboard export`: writes whole tables to standard output. It only reads, so the server may run meanwhile.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use log::LevelFilter;

use super::state;
use crate::base::clock::{SharedClock, SystemClock};
use crate::base::fault::Fault;
use crate::base::shutdown;
use crate::cli::{ExportFlags, ExportWish, start_log};
use crate::config::Config;
use crate::export::{self, Failure, Outlet};
use crate::refresh::ledger::SiteLedger;
use crate::series;

/// Bytes that are written together.
const TOGETHER: usize = 64 * 1024;

/// Why not everything was written.
#[derive(Debug)]
pub enum Ended {
    /// Nothing was: bad config.
    NotStarted(Fault),
    /// A day could not be read, or nothing could be written any more.
    Failed(Fault),
}

struct Out<W: Write>(BufWriter<W>);

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Outlet for Out<W> {}

/// Writes what is asked for.
///
/// # Errors
/// See [`Ended`].
pub fn export(flags: &ExportFlags) -> Result<(), Ended> {
    start_log(LevelFilter::Warn);
    let config = state::load(flags.config.clone(), flags.state_dir.as_deref()).map_err(Ended::NotStarted)?;
    run(config, flags, Arc::new(SystemClock), io::stdout().lock()).map_err(Ended::Failed)
}

fn run(config: Config, flags: &ExportFlags, clock: SharedClock, out: impl Write) -> Result<(), Fault> {
    // A signal ends the program as it is: there is nothing to put away.
    let (_trigger, shutdown) = shutdown::channel();
    let config = Arc::new(config);
    let mut ledger = SiteLedger::new(&config, clock, &shutdown);
    let mut out = Out(BufWriter::with_capacity(TOGETHER, out));
    let written = match &flags.wish {
        ExportWish::Table(wish) => {
            let days = export::days(&mut ledger, wish)?;
            export::write(wish, days, &mut ledger, &config.zone, &mut out)
        }
        ExportWish::Series(wish) => {
            let spans = series::spans(wish, &mut ledger)?;
            series::write(wish.format, &spans, &config.site_name(), &mut ledger, &config.zone, &mut out)
        }
    };
    // The days before one that failed are whole.
    let flushed = out.flush();
    match written.and(flushed.map_err(Failure::Write)) {
        Ok(()) => Ok(()),
        Err(Failure::Read(date, fault)) => {
            let text = format!("the export ends before {date}, which cannot be read: {fault}");
            Err(Fault::new(fault.kind(), text))
        }
        // Who reads has enough, as `head` does after its lines.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Failure::Write(error)) => Err(Fault::io(format!("the export cannot be written: {error}"))),
    }
}
