//! `/monthly-summary`, `/monthly-comparison` and `/metrics` (this month in short), by the contract's definitions.
//!
//! Fields are numbers, never null, also for an empty month; what a zero stands for when it is not known is told in
//! `unknown`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{Ask, Refusal, Reply, Unknown, json};
use crate::base::units::{Micro, round_to};
use crate::model::day::{DaySummary, SELLING_SOURCE, Sums};
use crate::model::month::{Known, MonthSummary, change_pct};
use crate::model::time::Month;

/// Decimals of money, energy.
const AMOUNT: u32 = 2;
/// Decimals of prices and confidence.
const FINE: i32 = 4;

/// The figures that months and days share.
#[derive(Serialize)]
struct Figures {
    total_decisions: u32,
    charging_count: u32,
    wait_count: u32,
    selling_count: u32,
    total_energy_kwh: f64,
    total_energy_sold_kwh: f64,
    total_cost_pln: f64,
    total_savings_pln: f64,
    selling_revenue_pln: f64,
    avg_confidence: f64,
    avg_cost_per_kwh: f64,
    source_breakdown: BTreeMap<String, u32>,
    real_grid_import_kwh: f64,
    grid_import_t1_kwh: f64,
    grid_import_t2_kwh: f64,
    grid_import_total_kwh: f64,
    energy_charged_t1_kwh: f64,
    energy_charged_t2_kwh: f64,
}

impl Figures {
    fn of(sums: &Sums) -> Self {
        let amount = |value: Micro| value.rounded(AMOUNT);
        Self {
            total_decisions: sums.total(),
            charging_count: sums.charging,
            wait_count: sums.wait,
            selling_count: sums.selling,
            total_energy_kwh: amount(sums.energy),
            total_energy_sold_kwh: amount(sums.energy_sold),
            total_cost_pln: amount(sums.cost),
            total_savings_pln: amount(sums.savings()),
            selling_revenue_pln: amount(sums.revenue),
            avg_confidence: sums.mean_confidence(4) as f64 / 1e4,
            avg_cost_per_kwh: round_to(sums.cost_per_kwh(), FINE),
            source_breakdown: sources(sums),
            real_grid_import_kwh: amount(sums.import_real),
            grid_import_t1_kwh: amount(sums.import_t1),
            grid_import_t2_kwh: amount(sums.import_t2),
            grid_import_total_kwh: amount(sums.import_total()),
            energy_charged_t1_kwh: amount(sums.energy_t1),
            energy_charged_t2_kwh: amount(sums.energy_t2),
        }
    }
}

fn sources(sums: &Sums) -> BTreeMap<String, u32> {
    let selling = (sums.selling > 0).then_some((SELLING_SOURCE, sums.selling));
    sums.sources.iter().chain(selling).map(|(source, count)| (source.to_owned(), count)).collect()
}

/// What the zeros of a stretch of time stand for.
fn unknown_of(sums: &Sums) -> Unknown {
    let mut unknown = Unknown::new();
    let mut say = |field: &str, why: String| unknown.insert(field.to_owned(), why);
    for (field, lacking, of, what) in [
        (
            "total_energy_sold_kwh",
            sums.sales_without_energy,
            sums.selling,
            "selling decisions do not say how much was sold",
        ),
        (
            "selling_revenue_pln",
            sums.sales_without_revenue,
            sums.selling,
            "selling decisions do not say what they bring",
        ),
        (
            "total_energy_kwh",
            sums.charges_without_energy,
            sums.charging,
            "charging decisions do not say how much is charged",
        ),
        ("total_cost_pln", sums.charges_without_cost, sums.charging, "charging decisions do not say what they cost"),
    ] {
        if lacking > 0 {
            say(field, format!("{lacking} of {of} {what}"));
        }
    }
    if sums.total() == 0 {
        for field in ["avg_confidence", "avg_cost_per_kwh", "savings_percentage"] {
            say(field, "there are no decisions".into());
        }
    } else if sums.energy == Micro::ZERO {
        let why = if sums.charges_without_energy > 0 {
            "no charging decision says how much"
        } else {
            "no energy was charged"
        };
        say("avg_cost_per_kwh", why.into());
    }
    if sums.energy_unzoned != Micro::ZERO {
        let why =
            format!("{} kWh stand in saved summaries that do not tell the zone", sums.energy_unzoned.rounded(AMOUNT));
        say("energy_charged_t1_kwh", why.clone());
        say("energy_charged_t2_kwh", why);
    }
    if sums.import_readings == 0 {
        for field in IMPORT_FIELDS {
            say(field, "no meter reading was recorded".into());
        }
    }
    unknown
}

const IMPORT_FIELDS: [&str; 4] =
    ["real_grid_import_kwh", "grid_import_t1_kwh", "grid_import_t2_kwh", "grid_import_total_kwh"];

/// The same of a month, with the days that its sums lack.
fn unknown_of_month(summary: &MonthSummary) -> Unknown {
    let mut unknown = unknown_of(&summary.sums);
    if summary.days_without_meter > 0 && summary.sums.import_readings > 0 {
        let why = format!("{} of {} days have no meter reading", summary.days_without_meter, summary.days.len());
        unknown.extend(IMPORT_FIELDS.into_iter().map(|field| (field.to_owned(), why.clone())));
    }
    unknown
}

/// A month as it is answered, and as it is saved.
#[derive(Serialize)]
pub(crate) struct Summary<'a> {
    year: i16,
    month: i8,
    month_name: &'a str,
    days_with_data: u32,
    savings_percentage: f64,
    #[serde(flatten)]
    figures: Figures,
    daily_summaries: Vec<Day<'a>>,
    timestamp: String,
    as_of: Option<String>,
    stale_after: Option<String>,
    source: &'a str,
    unknown: Unknown,
}

/// A day as it is answered, and as it is saved.
#[derive(Serialize)]
pub(crate) struct Day<'a> {
    date: String,
    created_at: &'a str,
    #[serde(flatten)]
    figures: Figures,
    price_stats: PriceStats,
    file_count: u32,
    #[serde(skip_serializing_if = "Unknown::is_empty")]
    unknown: Unknown,
}

#[derive(Serialize)]
struct PriceStats {
    min: f64,
    max: f64,
    avg: f64,
}

impl<'a> Summary<'a> {
    /// A summary as of no instant in particular, written down at `timestamp` (naive local time).
    pub(crate) fn of(summary: &'a MonthSummary, timestamp: String) -> Self {
        let (month, sums) = (summary.month, &summary.sums);
        Self {
            year: month.year,
            month: month.month,
            month_name: month.name(),
            days_with_data: summary.days_with_data,
            savings_percentage: round_to(sums.savings_pct(), 1),
            figures: Figures::of(sums),
            daily_summaries: summary.days.iter().map(Day::of).collect(),
            timestamp,
            as_of: None,
            stale_after: None,
            source: if summary.has_saved { "rows and saved summaries" } else { "rows" },
            unknown: unknown_of_month(summary),
        }
    }
}

impl<'a> Day<'a> {
    /// A day's summary.
    pub(crate) fn of(day: &'a DaySummary) -> Self {
        let price = &day.sums.price;
        let mut unknown = unknown_of(&day.sums);
        let avg = if price.count == 0 {
            unknown.insert("price_stats".into(), "no charging decision carried a price".into());
            0.0
        } else {
            round_to(price.sum.to_f64() / f64::from(price.count), FINE)
        };
        Self {
            date: day.date.to_string(),
            created_at: &day.created_at,
            figures: Figures::of(&day.sums),
            price_stats: PriceStats { min: price.min.rounded(4), max: price.max.rounded(4), avg },
            file_count: day.sums.total(),
            unknown,
        }
    }
}

/// The month that is asked for, the given one where a parameter is left out.
fn asked_month(ask: &Ask<'_>, default: Month) -> Result<Month, Refusal> {
    let year = ask.integer("year", 2000..=2100)?.map_or(default.year, |year| year as i16);
    let month = ask.integer("month", 1..=12)?.map_or(default.month, |month| month as i8);
    Ok(Month { year, month })
}

fn present(ask: &Ask<'_>) -> Month {
    Month::of(ask.facts.zone.date(ask.now))
}

fn known(ask: &Ask<'_>, month: Month) -> Result<Arc<MonthSummary>, Refusal> {
    let months = &ask.snapshot.months;
    match months.get(month, present(ask)) {
        Known::Summed(summary) => Ok(summary),
        Known::Empty | Known::Unsummed => Ok(Arc::new(MonthSummary::empty(month))),
        Known::NotYet => {
            let error = months.error.as_deref().or(ask.snapshot.metrics.error.as_deref());
            Err(Refusal::not_yet(&format!("the sums of {month}"), error))
        }
    }
}

/// Why every figure of a month is a mere zero, where it is one: nobody summed it yet.
fn why_unsummed(ask: &Ask<'_>, month: Month) -> Option<String> {
    let unsummed = matches!(ask.snapshot.months.get(month, present(ask)), Known::Unsummed);
    let error = ask.snapshot.metrics.error.as_deref();
    unsummed.then(|| format!("{month} was not summed yet: {}", error.unwrap_or("it has only begun")))
}

/// Puts the same reason to every figure of an answer.
fn all_unknown(answer: &impl Serialize, why: &str) -> Unknown {
    let fields = serde_json::to_value(answer).ok();
    let fields = fields.as_ref().and_then(serde_json::Value::as_object).into_iter().flatten();
    let figures = fields.filter(|(name, value)| value.is_number() && !["year", "month"].contains(&name.as_str()));
    figures.map(|(name, _)| (name.clone(), why.to_owned())).collect()
}

/// When the sums were published last: an answer stays the same until then.
fn published(ask: &Ask<'_>) -> Timestamp {
    ask.snapshot.metrics.as_of.unwrap_or(ask.now)
}

/// `/monthly-summary`
pub fn summary(ask: &Ask<'_>) -> Reply {
    let month = asked_month(ask, present(ask))?;
    let summary = known(ask, month)?;
    let as_of = ask.snapshot.metrics.as_of.filter(|_| month == present(ask));
    let mut answer = Summary {
        as_of: as_of.map(|at| ask.rfc3339(at)),
        stale_after: as_of.map(|at| ask.rfc3339(at + ask.facts.staleness)),
        ..Summary::of(&summary, ask.naive(published(ask)))
    };
    if let Some(why) = why_unsummed(ask, month) {
        answer.unknown = all_unknown(&answer, &why);
    }
    Ok(json(200, &answer))
}

#[derive(Serialize)]
struct Comparison<'a> {
    current_month: Compared<'a>,
    previous_month: Compared<'a>,
    changes: Changes,
    timestamp: String,
    as_of: Option<String>,
    stale_after: Option<String>,
    source: &'a str,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Compared<'a> {
    year: i16,
    month: i8,
    month_name: &'a str,
    total_cost_pln: f64,
    total_energy_kwh: f64,
    total_savings_pln: f64,
    avg_cost_per_kwh: f64,
    days_with_data: u32,
    charging_count: u32,
}

impl Compared<'_> {
    fn of(summary: &MonthSummary) -> Self {
        let figures = Figures::of(&summary.sums);
        Self {
            year: summary.month.year,
            month: summary.month.month,
            month_name: summary.month.name(),
            total_cost_pln: figures.total_cost_pln,
            total_energy_kwh: figures.total_energy_kwh,
            total_savings_pln: figures.total_savings_pln,
            avg_cost_per_kwh: figures.avg_cost_per_kwh,
            days_with_data: summary.days_with_data,
            charging_count: figures.charging_count,
        }
    }
}

#[derive(Serialize)]
struct Changes {
    cost_change_pct: f64,
    energy_change_pct: f64,
    savings_change_pct: f64,
    cost_diff_pln: f64,
    energy_diff_kwh: f64,
    savings_diff_pln: f64,
}

/// `/monthly-comparison`: this month against the one that the parameters name, by default the one before.
pub fn comparison(ask: &Ask<'_>) -> Reply {
    let against = asked_month(ask, present(ask).previous())?;
    let (current, previous) = (known(ask, present(ask))?, known(ask, against)?);
    let (now, then) = (&current.sums, &previous.sums);
    let change = |now: Micro, then: Micro| round_to(change_pct(now.to_f64(), then.to_f64()), 1);
    let difference = |now: Micro, then: Micro| (now - then).rounded(AMOUNT);
    let as_of = ask.snapshot.metrics.as_of;
    let mut unknown = Unknown::new();
    for (field, summary) in [("current_month", &current), ("previous_month", &previous)] {
        if summary.days_with_data == 0 {
            let why = why_unsummed(ask, summary.month)
                .unwrap_or_else(|| format!("there are no decisions in {}", summary.month));
            unknown.insert(field.into(), why.clone());
            unknown.insert("changes".into(), why);
        }
    }
    Ok(json(
        200,
        &Comparison {
            current_month: Compared::of(&current),
            previous_month: Compared::of(&previous),
            changes: Changes {
                cost_change_pct: change(now.cost, then.cost),
                energy_change_pct: change(now.energy, then.energy),
                savings_change_pct: change(now.savings(), then.savings()),
                cost_diff_pln: difference(now.cost, then.cost),
                energy_diff_kwh: difference(now.energy, then.energy),
                savings_diff_pln: difference(now.savings(), then.savings()),
            },
            timestamp: ask.naive(published(ask)),
            as_of: as_of.map(|at| ask.rfc3339(at)),
            stale_after: as_of.map(|at| ask.rfc3339(at + ask.facts.staleness)),
            source: if current.has_saved || previous.has_saved { "rows and saved summaries" } else { "rows" },
            unknown,
        },
    ))
}

#[derive(Serialize)]
struct Metrics<'a> {
    timestamp: String,
    total_decisions: u32,
    total_count: u32,
    charging_count: u32,
    wait_count: u32,
    battery_selling_count: u32,
    total_energy_charged_kwh: f64,
    total_cost_pln: f64,
    total_savings_pln: f64,
    savings_percentage: f64,
    avg_confidence: f64,
    avg_cost_per_kwh_pln: f64,
    efficiency_score: Option<f64>,
    source_breakdown: BTreeMap<String, u32>,
    time_range: &'a str,
    as_of: Option<String>,
    stale_after: Option<String>,
    source: Option<&'a str>,
    unknown: Unknown,
}

/// `/metrics`
pub fn metrics(ask: &Ask<'_>) -> Reply {
    let summary = known(ask, present(ask))?;
    let section = &ask.snapshot.metrics;
    let feed = section.value.as_deref().and_then(|metrics| metrics.decisions.as_deref());
    let efficiency = feed.and_then(|feed| feed.content.mean_confidence_24h);
    // The same reasons under the names that the fields have here.
    let mut unknown = unknown_of(&summary.sums);
    for (field, here) in
        [("total_energy_kwh", "total_energy_charged_kwh"), ("avg_cost_per_kwh", "avg_cost_per_kwh_pln")]
    {
        if let Some(why) = unknown.remove(field) {
            unknown.insert(here.into(), why);
        }
    }
    unknown
        .retain(|field, _| !field.starts_with("grid_") && !field.starts_with("energy_") && !field.starts_with("real_"));
    unknown.remove("total_energy_sold_kwh");
    unknown.remove("selling_revenue_pln");
    if efficiency.is_none() {
        let why = match (feed, &section.error) {
            (Some(_), _) => "there was no decision in the last 24 hours",
            (None, Some(error)) => error.as_str(),
            (None, None) => "decisions are still being loaded",
        };
        unknown.insert("efficiency_score".into(), why.into());
    }
    let figures = Figures::of(&summary.sums);
    let mut answer = Metrics {
        timestamp: ask.naive(section.as_of.unwrap_or(ask.now)),
        total_decisions: figures.total_decisions,
        total_count: figures.total_decisions,
        charging_count: figures.charging_count,
        wait_count: figures.wait_count,
        battery_selling_count: figures.selling_count,
        total_energy_charged_kwh: figures.total_energy_kwh,
        total_cost_pln: figures.total_cost_pln,
        total_savings_pln: figures.total_savings_pln,
        savings_percentage: round_to(summary.sums.savings_pct(), 1),
        avg_confidence: summary.sums.mean_confidence(3) as f64 / 10.0,
        avg_cost_per_kwh_pln: figures.avg_cost_per_kwh,
        efficiency_score: efficiency.map(|mean| round_to(mean * 100.0, 1)),
        source_breakdown: figures.source_breakdown,
        time_range: "current_month",
        as_of: section.as_of.map(|at| ask.rfc3339(at)),
        stale_after: section.as_of.map(|at| ask.rfc3339(at + ask.facts.staleness)),
        source: feed.and_then(|feed| feed.origin.name()),
        unknown,
    };
    if let Some(why) = why_unsummed(ask, present(ask)) {
        answer.unknown.extend(all_unknown(&answer, &why));
    }
    Ok(json(200, &answer))
}
