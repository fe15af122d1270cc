//! The house now: the newest reading of the database or the state files.

use std::sync::Arc;

use super::{Context, Next, Refresher};
use crate::base::fault::{Fault, Kind};
use crate::model::time::FUTURE_ALLOWED;
use crate::snapshot::{self, DatabaseState};
use crate::source::SiteSource;
use crate::source::composite::Composite;

pub struct Live {
    context: Context,
    source: Composite,
    told_health: bool,
}

impl Live {
    pub fn new(context: Context) -> Self {
        let source = Composite::open(&context.config, &context.shutdown, true);
        Self { context, source, told_health: false }
    }

    /// Says once after every (re)connection what the database is like.
    fn tell_health(&mut self, connected: bool) {
        if !connected {
            self.told_health = false;
        } else if !self.told_health {
            self.told_health = true;
            let now = self.context.clock.now();
            let Some(database) = self.source.database() else { return };
            let path = database.path().display().to_string();
            match database.health(now) {
                Ok(health) => {
                    let version =
                        health.schema_version.map_or("no schema version".to_owned(), |v| format!("schema version {v}"));
                    log::info!("DATABASE: connected to {path}: {version}, {} decisions in 24 h", health.decisions_24h);
                    if health.schema_version.is_some_and(|version| version > 4) {
                        log::warn!(
                            "DATABASE: schema version 4 is the newest one known here; what is new in it is not shown"
                        );
                    }
                }
                Err(fault) => log::warn!("DATABASE: connected to {path}, but {fault}"),
            }
        }
    }
}

impl Refresher for Live {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        let found = self.source.latest_state(started.wall);
        let attempt = self.context.finish(&started);
        if found.as_ref().is_err_and(|fault| fault.kind() == Kind::Stopping) {
            return Next::AtInterval;
        }
        let database = match (self.source.database().is_some(), self.source.database_fault()) {
            (false, _) => DatabaseState::Disabled,
            (true, None) => DatabaseState::Connected,
            // It answers; what it says makes no sense.
            (true, Some(fault)) if fault.kind() == Kind::Unreadable => DatabaseState::Connected,
            (true, Some(fault)) => DatabaseState::Failing(fault.to_string()),
        };
        self.tell_health(database == DatabaseState::Connected);
        let origin = self.source.origin();
        let partial = self.source.database_fault().map(|fault| format!("{fault}; state files are used meanwhile"));
        let passed_over = found.as_ref().ok().and_then(|record| record.as_ref()?.trouble.clone());
        // A failing database is no reason to show what older files say in place of what it said last.
        let shown = self.context.cell.load().live.value.clone();
        let is_older = |record: &crate::source::StateRecord| {
            let shown = shown.as_deref().filter(|shown| shown.reading.at <= started.wall + FUTURE_ALLOWED);
            shown.is_some_and(|shown| record.reading.at < shown.reading.at)
        };
        let found = match (found, self.source.database_fault()) {
            (Ok(Some(record)), Some(fault)) if is_older(&record) => Err(fault.clone()),
            (found, _) => found,
        };
        let partial = partial.or_else(|| passed_over.map(|trouble| format!("{trouble}; an older reading is shown")));
        self.context.cell.publish(|next| {
            next.database = database;
            match found {
                Ok(Some(record)) => {
                    let live = snapshot::Live {
                        reading: record.reading,
                        stated: record.stated,
                        origin,
                        recorded: record.recorded,
                        file_modified: record.file_modified,
                    };
                    if next.live.value.as_deref() == Some(&live) {
                        next.live.confirm(attempt);
                    } else {
                        next.live.succeed(Arc::new(live), attempt);
                    }
                    next.live.error = partial;
                }
                Ok(None) => {
                    next.live.fail(
                        &Fault::missing(
                            "no reading of the house was found, neither in the database nor in state files",
                        ),
                        attempt,
                    );
                }
                Err(fault) => next.live.fail(&fault, attempt),
            }
        });
        let next =
            self.source.database().and_then(|database| database.wants_retry()).map_or(Next::AtInterval, Next::After);
        self.source.rest();
        next
    }
}
