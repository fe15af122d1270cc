//! What the coordinator decided. Its rows may be cleaned up and put right, so that their numbers may fall: no counters.

use super::{Family, Moment, gauge, seconds};
use crate::base::units::Micro;
use crate::model::day::Sums;
use crate::model::decision::{Decision, Kind};
use crate::model::month::Known;
use crate::model::time::Month;
use crate::snapshot::DecisionFeed;

const KINDS: [(&str, Kind); 3] = [("charging", Kind::Charging), ("wait", Kind::Wait), ("selling", Kind::Selling)];

pub const FAMILIES: &[Family] = &[
    gauge("wattboard_decision_timestamp_seconds", "seconds", &[], "When the newest decision was made.", |m, out| {
        out.put(stored(m).and_then(|feed| feed.newest.as_deref()).map(|newest| seconds(newest.at)));
    }),
    gauge(
        "wattboard_decision_kind",
        "",
        &["kind"],
        "1 for the kind of the newest decision, 0 for the others.",
        |m, out| {
            if let Some(newest) = newest(m) {
                let name = KINDS.iter().find(|(_, kind)| *kind == newest.kind).map_or("", |(name, _)| *name);
                out.choose("kind", KINDS.map(|(name, _)| name), name);
            }
        },
    ),
    gauge(
        "wattboard_decision_confidence_ratio",
        "ratio",
        &[],
        "How sure the coordinator was of the newest decision.",
        |m, out| {
            out.put(newest(m).and_then(Decision::confidence));
        },
    ),
    gauge("wattboard_decisions_today", "", &["kind"], "Decisions since midnight.", |m, out| {
        let midnight = m.zone.day_start(m.zone.date(m.now));
        let read_today = m.snapshot.metrics.as_of.is_some_and(|at| at >= midnight);
        let Some(feed) = feed(m).filter(|_| read_today) else { return };
        for (name, kind) in KINDS {
            let of_today = feed.marks.iter().filter(|mark| mark.at >= midnight && mark.kind == kind);
            out.put_as("kind", name, Some(of_today.count() as f64));
        }
    }),
    gauge("wattboard_decisions_month", "", &["kind"], "Decisions since the first of the month.", |m, out| {
        if let Some(sums) = month(m) {
            for (name, kind) in KINDS {
                let count = match kind {
                    Kind::Charging => sums.charging,
                    Kind::Wait => sums.wait,
                    Kind::Selling => sums.selling,
                };
                out.put_as("kind", name, Some(f64::from(count)));
            }
        }
    }),
    gauge(
        "wattboard_month_charged_energy_kwh",
        "kwh",
        &[],
        "Energy of this month's charging decisions; nothing where one of them does not tell it.",
        |m, out| out.put(month(m).filter(|of| of.charges_without_energy == 0).map(|of| round(of.energy))),
    ),
    gauge(
        "wattboard_month_cost_pln",
        "pln",
        &[],
        "What this month's charging decisions cost, as estimated; nothing where one of them does not tell it.",
        |m, out| out.put(month(m).filter(|of| of.charges_without_cost == 0).map(|of| round(of.cost))),
    ),
    gauge(
        "wattboard_month_revenue_pln",
        "pln",
        &[],
        "What this month's selling decisions bring, as expected; nothing where one of them does not tell it.",
        |m, out| out.put(month(m).filter(|of| of.sales_without_revenue == 0).map(|of| round(of.revenue))),
    ),
];

/// Decisions of the last seven days, however old that knowledge is.
fn stored<'a>(moment: &Moment<'a>) -> Option<&'a DecisionFeed> {
    Some(&moment.snapshot.metrics.value.as_deref()?.decisions.as_deref()?.content)
}

fn feed<'a>(moment: &Moment<'a>) -> Option<&'a DecisionFeed> {
    moment.value(&moment.snapshot.metrics, moment.intervals.metrics).and_then(|_| stored(moment))
}

fn newest<'a>(moment: &Moment<'a>) -> Option<&'a Decision> {
    feed(moment)?.newest.as_deref()
}

/// This month's sums, where they were made and are as new as they should be.
fn month(moment: &Moment<'_>) -> Option<Sums> {
    moment.value(&moment.snapshot.metrics, moment.intervals.metrics)?;
    let present = Month::of(moment.zone.date(moment.now));
    match moment.snapshot.months.get(present, present) {
        Known::Summed(summary) => Some(summary.sums.clone()),
        Known::Empty | Known::Unsummed | Known::NotYet => None,
    }
}

fn round(amount: Micro) -> f64 {
    amount.rounded(2)
}
