//! Decisions of the last seven days, the last day's history, and the sums of this month.
//!
//! The parts fail apart: what can be read is published, what cannot keeps its last good value.

use std::sync::Arc;
use std::time::Duration;

use super::days::{Closed, DayBook};
use super::{Context, Next, Refresher};
use crate::base::fault::{Fault, Kind};
use crate::base::memory;
use crate::model::energy;
use crate::model::time::{Month, Range};
use crate::snapshot::{self, Origin, Scene};
use crate::source::SiteSource;
use crate::source::composite::Composite;
use crate::source::saved::Saved;

const DAY: Duration = Duration::from_secs(86_400);

pub struct Metrics {
    context: Context,
    source: Composite,
    saved: Saved,
    book: DayBook,
}

impl Metrics {
    pub fn new(context: Context) -> Self {
        let source = Composite::open(&context.config, &context.shutdown, false);
        let saved = Saved::new(&context.config.out_dir);
        Self { context, source, saved, book: DayBook::default() }
    }
}

impl Refresher for Metrics {
    fn refresh(&mut self) -> Next {
        let started = self.context.start();
        let now = started.wall;
        let config = Arc::clone(&self.context.config);
        let scribe = self.context.scribe;
        let scene = |origin: Origin| Scene { now, zone: &config.zone, origin, stale_after: now + config.staleness };

        let last = self.context.cell.load().metrics.value.clone();
        let shown = last.as_deref().and_then(|metrics| metrics.decisions.as_deref());
        let newest_shown =
            shown.and_then(|feed| feed.content.marks.first()).map(|mark| mark.at).filter(|at| *at <= now);
        // What files have takes the place of what the database said last only where it is as new.
        self.source.keep_to_database(false);
        let decisions = self.source.decisions(Range::last(7 * DAY, now));
        let decisions = match (decisions, self.source.database_fault()) {
            (Ok(found), Some(fault)) if found.last().map(|decision| decision.at) < newest_shown => Err(fault.clone()),
            (found, _) => found,
        };
        let partial = self.source.database_fault().map(|fault| format!("{fault}; files are used meanwhile"));
        let decisions = decisions.map(|decisions| {
            let origin = self.source.origin();
            snapshot::Feed { origin, published: now, content: (scribe.decisions)(decisions, &scene(origin)) }
        });
        self.source.keep_to_database(true);
        let history = self.source.energy(Range::last(DAY, now)).map(|rows| {
            let origin = self.source.origin();
            snapshot::Feed { origin, published: now, content: (scribe.history)(&energy::series(&rows), &scene(origin)) }
        });
        let month = Month::of(config.zone.date(now));
        self.source.keep_to_database(true);
        let summary = self.book.month(&mut self.source, &self.saved, &Closed::new(), month, &config.zone, now);
        self.source.rest();
        let attempt = self.context.finish(&started);

        let faults: Vec<&Fault> =
            [decisions.as_ref().err(), history.as_ref().err(), summary.as_ref().err()].into_iter().flatten().collect();
        if faults.iter().any(|fault| fault.kind() == Kind::Stopping) {
            return Next::AtInterval;
        }
        let fault = combined(&faults);
        self.context.cell.publish(|next| {
            if let Ok(summary) = summary {
                Arc::make_mut(&mut next.months).known.insert(month, Arc::new(summary));
            }
            let last = next.metrics.value.as_deref();
            let value = snapshot::Metrics {
                decisions: decisions.ok().map(Arc::new).or_else(|| last?.decisions.clone()),
                history: history.ok().map(Arc::new).or_else(|| last?.history.clone()),
            };
            match fault {
                None => {
                    next.metrics.succeed(Arc::new(value), attempt);
                    next.metrics.error = partial;
                }
                Some(fault) => {
                    if value.decisions.is_some() || value.history.is_some() {
                        next.metrics.value = Some(Arc::new(value));
                    }
                    next.metrics.fail(&fault, attempt);
                }
            }
        });
        memory::give_back();
        Next::AtInterval
    }
}

/// Several faults in one sentence, each once.
fn combined(faults: &[&Fault]) -> Option<Fault> {
    let mut texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.dedup();
    faults.first().map(|first| Fault::new(first.kind(), texts.join("; ")))
}
