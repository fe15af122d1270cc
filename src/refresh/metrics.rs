//! Decisions of the last seven days, the last day's history, and the sums of this month.
//!
//! The parts fail apart: what can be read is published, what cannot keeps its last good value.

use std::sync::Arc;
use std::time::Duration;

use super::days::DayBook;
use super::{Context, Next, Refresher};
use crate::base::fault::{Fault, Kind};
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

        let decisions = self.source.decisions(Range::last(7 * DAY, now)).map(|decisions| {
            let origin = self.source.origin();
            snapshot::Feed { origin, published: now, content: (scribe.decisions)(decisions, &scene(origin)) }
        });
        let history = self.source.energy(Range::last(DAY, now)).map(|rows| {
            let origin = self.source.origin();
            snapshot::Feed { origin, published: now, content: (scribe.history)(&energy::series(&rows), &scene(origin)) }
        });
        let month = Month::of(config.zone.date(now));
        let summary = self.book.month(&mut self.source, &self.saved, month, &config.zone, now);
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
                None => next.metrics.succeed(Arc::new(value), attempt),
                Some(fault) => {
                    if value.decisions.is_some() || value.history.is_some() {
                        next.metrics.value = Some(Arc::new(value));
                    }
                    next.metrics.fail(&fault, attempt);
                }
            }
        });
        Next::AtInterval
    }
}

/// Several faults in one sentence, each once.
fn combined(faults: &[&Fault]) -> Option<Fault> {
    let mut texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    texts.dedup();
    faults.first().map(|first| Fault::new(first.kind(), texts.join("; ")))
}
