//! The answer of `/api/v1/energy`: totals as JSON, with what they are made of and what is not known.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::super::{Facts, Unknown, json};
use crate::base::units::{Micro, round_to};
use crate::http::message::{Body, Response};
use crate::inquiry::PastDays;
use crate::model::balance::{Flow, How};
use crate::model::totals::{By, Compared, Days, Sums, Total};
use crate::snapshot::Backfill;

/// How many stretches of missing days are named.
const MOST_NAMED: usize = 6;

/// What is asked for.
pub struct Asked {
    pub days: Days,
    pub by: By,
    now: Timestamp,
    today: Date,
    /// As many days just before those of the range that have begun.
    pub previous: Option<Days>,
    /// The same days a year ago.
    pub year_ago: Option<Days>,
    backfill: Option<Backfill>,
}

impl Asked {
    /// Works out what to compare with: days to come are compared with nothing.
    pub fn new(days: Days, by: By, now: Timestamp, today: Date, backfill: Option<Backfill>) -> Self {
        let begun = Some(Days { last: days.last.min(today), ..days }).filter(|begun| begun.first <= begun.last);
        let (previous, year_ago) = (begun.and_then(Days::before), begun.and_then(Days::a_year_ago));
        Self { days, by, now, today, previous, year_ago, backfill }
    }
}

/// What was found of it.
pub struct Found {
    pub sums: Sums,
    pub past: PastDays,
    pub previous: Option<Sums>,
    pub year_ago: Option<Sums>,
}

#[derive(Serialize)]
struct Answer<'a> {
    from: Date,
    to: Date,
    by: &'static str,
    timezone: &'a str,
    as_of: String,
    source: &'static str,
    capacity_kwh: f64,
    buckets: Vec<Bucket>,
    total: Figures,
    previous: Option<Comparison>,
    year_ago: Option<Comparison>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Bucket {
    bucket: String,
    start: String,
    end: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Comparison {
    from: Date,
    to: Date,
    change_pct: Changes,
    #[serde(flatten)]
    figures: Figures,
}

/// By how much the range is more than what it is compared with, %; null where that is nothing or not known.
#[derive(Serialize)]
struct Changes {
    pv: Option<f64>,
    import: Option<f64>,
    export: Option<f64>,
    consumption: Option<f64>,
    net_cost: Option<f64>,
}

#[derive(Serialize)]
struct Figures {
    energy: Energies,
    self_consumption_pct: Option<f64>,
    self_sufficiency_pct: Option<f64>,
    money: Money,
    battery: Battery,
    completeness: Completeness,
}

#[derive(Serialize)]
struct Energy {
    kwh: Option<f64>,
    found_by: Option<&'static str>,
}

#[derive(Serialize)]
struct Energies {
    pv: Energy,
    import: Energy,
    export: Energy,
    consumption: Energy,
    battery_charge: Energy,
    battery_discharge: Energy,
    import_t1_kwh: Option<f64>,
    import_t2_kwh: Option<f64>,
    balance_error_kwh: Option<f64>,
}

#[derive(Serialize)]
struct Money {
    import_cost_pln: Option<f64>,
    import_unpriced_kwh: f64,
    export_income_pln: Option<f64>,
    export_unpriced_kwh: f64,
    net_cost_pln: Option<f64>,
    mean_price_pln_kwh: Option<f64>,
    without_pv_and_battery: Option<Instead>,
    at_mean_price: Option<Instead>,
}

/// Over the parts of which every price is known.
#[derive(Serialize)]
struct Instead {
    parts: u32,
    cost_pln: f64,
    real_cost_pln: f64,
    saved_pln: f64,
}

#[derive(Serialize)]
struct Battery {
    equivalent_full_cycles: Option<f64>,
    round_trip_pct: Option<f64>,
    soc_change_pct: Option<f64>,
    last_full: Option<Date>,
    days_since_full: Option<i64>,
}

#[derive(Serialize)]
struct Completeness {
    parts: u32,
    expected_parts: u32,
    rows: u32,
    expected_rows: u32,
    price_slots: u32,
    expected_price_slots: u32,
    holes: Vec<Hole>,
}

#[derive(Serialize)]
struct Hole {
    energy: &'static str,
    why: &'static str,
    count: u32,
    minutes: f64,
}

const NAMES: [&str; 6] = ["pv", "import", "export", "consumption", "battery_charge", "battery_discharge"];

/// Writes the answer.
pub fn compose(facts: &Facts, asked: &Asked, found: &Found) -> Response<Body> {
    let Asked { days, by, now, today, .. } = *asked;
    let Found { sums, past, previous, year_ago } = found;
    let zone = &facts.zone;
    let lists = [previous.as_ref(), year_ago.as_ref(), Some(sums)];
    let full: BTreeSet<Date> = lists.into_iter().flatten().flat_map(|sums| sums.full.iter().copied()).collect();
    let figures = |total: &Total, last: Date| Figures::of(total, facts.capacity, last.min(today), &full);
    let total = &sums.whole;
    let compare = |with: &Sums| {
        let (Days { first, last }, other) = (with.days, &with.whole);
        Comparison { from: first, to: last, change_pct: changes(total, other), figures: figures(other, last) }
    };
    let buckets = sums.parts.iter().map(|part| Bucket {
        bucket: label(by, part.days.first, || zone.rfc3339(part.range.from)),
        start: zone.rfc3339(part.range.from),
        end: zone.rfc3339(part.range.to),
        figures: figures(&part.total, part.days.last),
    });
    let answer = Answer {
        from: days.first,
        to: days.last,
        by: by.name(),
        timezone: &facts.zone_name,
        as_of: zone.rfc3339(now),
        source: if past.from_rows.is_empty() { "rollups" } else { "rollups_and_rows" },
        capacity_kwh: facts.capacity.to_f64(),
        buckets: buckets.collect(),
        total: figures(total, days.last),
        previous: previous.as_ref().map(compare),
        year_ago: year_ago.as_ref().map(compare),
        unknown: unknown(facts, asked, found, &full),
    };
    json(200, &answer)
}

/// `2026`, `2026-11`, `2026-11-22`, or an hour's beginning.
fn label(by: By, first: Date, hour: impl Fn() -> String) -> String {
    match by {
        By::Hour => hour(),
        By::Day => first.to_string(),
        By::Month => first.strftime("%Y-%m").to_string(),
        By::Year => first.strftime("%Y").to_string(),
    }
}

fn known(total: &Total, flow: Flow) -> Option<Micro> {
    let amount = total.flow(flow);
    (amount.how != How::Unknown).then_some(amount.kwh)
}

/// What was paid or earned for what has a price; `None` where nothing has.
fn paid(total: &Total, flow: Flow) -> Option<Micro> {
    let money = if flow == Flow::Import { total.sum.cost } else { total.sum.income };
    let kwh = known(total, flow)?;
    (kwh == Micro::ZERO || kwh != money.unpriced).then_some(money.pln)
}

fn net(total: &Total) -> Option<Micro> {
    known(total, Flow::Import).and(known(total, Flow::Export))?;
    Some(total.sum.cost.whole()? - total.sum.income.whole()?)
}

fn changes(total: &Total, other: &Total) -> Changes {
    let change = |new: Option<Micro>, old: Option<Micro>| {
        let (new, old) = (new?, old.filter(|old| *old != Micro::ZERO)?);
        Some(round_to((new.0 - old.0) as f64 / old.0.abs() as f64 * 100.0, 1))
    };
    let of = |flow| change(known(total, flow), known(other, flow));
    Changes {
        pv: of(Flow::Pv),
        import: of(Flow::Import),
        export: of(Flow::Export),
        consumption: of(Flow::House),
        net_cost: change(net(total), net(other)),
    }
}

impl Figures {
    fn of(total: &Total, capacity: Micro, last: Date, full: &BTreeSet<Date>) -> Self {
        let energy =
            |flow| Energy { kwh: known(total, flow).map(Micro::to_f64), found_by: total.flow(flow).how.name() };
        let import = known(total, Flow::Import);
        let t1 = total.sum.import_t1;
        let instead = |compared: &Compared| {
            (compared.parts > 0).then(|| Instead {
                parts: compared.parts,
                cost_pln: compared.other.to_f64(),
                real_cost_pln: compared.real.to_f64(),
                saved_pln: (compared.other - compared.real).to_f64(),
            })
        };
        let last_full = full.range(..=last).next_back().copied();
        let holes = total.holes.iter().map(|((flow, kind), lost)| Hole {
            energy: NAMES.get(usize::from(*flow)).copied().unwrap_or_default(),
            why: kind.words(),
            count: lost.count,
            minutes: round_to(lost.us as f64 / 6e7, 1),
        });
        Self {
            energy: Energies {
                pv: energy(Flow::Pv),
                import: energy(Flow::Import),
                export: energy(Flow::Export),
                consumption: energy(Flow::House),
                battery_charge: energy(Flow::Charge),
                battery_discharge: energy(Flow::Discharge),
                import_t1_kwh: import.map(|_| t1.to_f64()),
                import_t2_kwh: import.map(|import| (import - t1).to_f64()),
                balance_error_kwh: total.balance_error().map(Micro::to_f64),
            },
            self_consumption_pct: total.self_consumption(),
            self_sufficiency_pct: total.self_sufficiency(),
            money: Money {
                import_cost_pln: paid(total, Flow::Import).map(Micro::to_f64),
                import_unpriced_kwh: total.sum.cost.unpriced.to_f64(),
                export_income_pln: paid(total, Flow::Export).map(Micro::to_f64),
                export_unpriced_kwh: total.sum.income.unpriced.to_f64(),
                net_cost_pln: net(total).map(Micro::to_f64),
                mean_price_pln_kwh: total.mean_price().map(Micro::to_f64),
                without_pv_and_battery: instead(&total.without),
                at_mean_price: instead(&total.at_mean),
            },
            battery: Battery {
                equivalent_full_cycles: total.full_cycles(capacity),
                round_trip_pct: total.round_trip(capacity).ok(),
                soc_change_pct: total.soc_change().map(|change| change as f64 / 100.0),
                last_full,
                days_since_full: last_full.map(|full| Days { first: full, last }.count() - 1),
            },
            completeness: Completeness {
                parts: total.parts,
                expected_parts: total.expected_parts,
                rows: total.sum.rows,
                expected_rows: total.sum.expected,
                price_slots: total.sum.prices.count,
                expected_price_slots: total.sum.slots,
                holes: holes.collect(),
            },
        }
    }
}

fn unknown(facts: &Facts, asked: &Asked, found: &Found, full: &BTreeSet<Date>) -> Unknown {
    let Found { sums, past, previous, year_ago } = found;
    let total = &sums.whole;
    let mut unknown = Unknown::new();
    if asked.days.first > asked.today {
        unknown.insert("total".to_owned(), "these days are still to come".to_owned());
        return unknown;
    }
    tell_missing(
        Days { last: asked.days.last.min(asked.today), ..asked.days },
        &sums.missing,
        asked.backfill,
        past,
        &mut unknown,
    );
    if total.parts == 0 {
        return unknown;
    }
    let mut say = |path: &str, why: String| unknown.insert(path.to_owned(), why);
    for (flow, name) in Flow::ALL.into_iter().zip(NAMES) {
        if known(total, flow).is_none() {
            say(&format!("total.energy.{name}"), "neither its counter nor its power was recorded".to_owned());
        }
    }
    let reasons = |counts: &BTreeMap<&str, u32>| {
        let texts =
            counts.iter().map(|(why, count)| format!("{why} ({count} {})", if *count == 1 { "day" } else { "days" }));
        texts.collect::<Vec<_>>().join("; ")
    };
    if total.sum.cost.unpriced != Micro::ZERO {
        let why = reasons(&sums.cost_unpriced);
        say("total.money.import_cost_pln", format!("not for {} kWh: {why}", total.sum.cost.unpriced.rounded(3)));
    }
    if total.sum.income.unpriced != Micro::ZERO {
        let why = reasons(&sums.income_unpriced);
        say("total.money.export_income_pln", format!("not for {} kWh: {why}", total.sum.income.unpriced.rounded(3)));
    }
    for (path, compared) in
        [("total.money.without_pv_and_battery", &total.without), ("total.money.at_mean_price", &total.at_mean)]
    {
        if compared.parts < total.parts {
            let text = format!("of {} of {} days not all prices are known", total.parts - compared.parts, total.parts);
            say(path, text);
        }
    }
    if let Err(why) = total.round_trip(facts.capacity) {
        say("total.battery.round_trip_pct", why.to_owned());
    }
    let last = asked.days.last.min(asked.today);
    if full.range(..=last).next().is_none() {
        let firsts =
            [previous.as_ref(), year_ago.as_ref(), Some(sums)].into_iter().flatten().filter_map(|sums| sums.first);
        let first = firsts.min().unwrap_or(last);
        say("total.battery.last_full", format!("not since {first}, where looking begins"));
    }
    unknown
}

/// Names the days of a range of which nothing is known, of those that have begun, and says why.
pub fn tell_missing(
    begun: Days,
    gone: &BTreeSet<Date>,
    backfill: Option<Backfill>,
    past: &PastDays,
    unknown: &mut Unknown,
) {
    if let Some(fault) = &past.trouble {
        unknown.insert("today".to_owned(), format!("its rows cannot be read: {fault}"));
    }
    if gone.is_empty() {
        return;
    }
    let why = match backfill {
        _ if past.lost.is_some() => {
            past.lost.as_ref().map_or_else(String::new, |fault| format!("sums that cannot be read ({fault})"))
        }
        Some(Backfill { done_days, total_days, .. }) if done_days >= total_days => "no rows".to_owned(),
        Some(Backfill { done_days, total_days, .. }) => {
            format!("no rows, or are not summed yet ({done_days} of {total_days} days with rows are)")
        }
        None => "no rows, or are not summed yet".to_owned(),
    };
    let text = format!("{} of {} days have {why}: {}", gone.len(), begun.count(), named(gone));
    unknown.insert("days".to_owned(), text);
}

/// Stretches of days in words.
fn named(days: &BTreeSet<Date>) -> String {
    let mut stretches: Vec<Days> = Vec::new();
    for date in days {
        match stretches.last_mut().filter(|stretch| stretch.last.tomorrow().is_ok_and(|next| next == *date)) {
            Some(stretch) => stretch.last = *date,
            None => stretches.push(Days { first: *date, last: *date }),
        }
    }
    let text = |days: &Days| match days.first == days.last {
        true => days.first.to_string(),
        false => format!("{} to {}", days.first, days.last),
    };
    let mut texts: Vec<String> = stretches.iter().take(MOST_NAMED).map(text).collect();
    if stretches.len() > MOST_NAMED {
        texts.push(format!("and {} more stretches", stretches.len() - MOST_NAMED));
    }
    texts.join(", ")
}
