//! `/api/v1/decisions/ID`: one decision, what was known when it was made, and what it was worth.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::super::{Ask, Facts, Refusal, Unknown, json};
use super::decisions::{NULLS, Told, source_of};
use super::price_day::pln;
use crate::base::units::{Micro, round_to};
use crate::http::message::{Answer, Body, Response};
use crate::http::query::decode;
use crate::inquiry::Case;
use crate::model::decision::Kind;
use crate::model::forecast::Forecast;
use crate::model::price::PricedDay;
use crate::model::receipt::{
    ASSUMED_POWER_W, Choice, Lack, REACH, ROUND_TRIP_EFFICIENCY, Receipt, SOURCE, charge_then, lacking, rates, span,
};
use crate::model::search::Id;
use crate::model::session::Session;

const PREFIX: &str = "/api/v1/decisions/";

#[derive(Serialize)]
struct Answered<'a> {
    decision: Told<'a>,
    known_then: KnownThen<'a>,
    session: Option<SessionRow<'a>>,
    receipt: Figures,
    prices: Vec<DayOfPrices>,
    as_of: String,
    stale_after: Option<String>,
    source: Option<&'static str>,
    demo: bool,
    unknown: Unknown,
}

#[derive(Serialize)]
struct KnownThen<'a> {
    soc_pct: Option<f64>,
    soc_source: Option<&'static str>,
    pv_w: Option<f64>,
    pv_source: Option<&'static str>,
    load_w: Option<f64>,
    load_source: Option<&'static str>,
    reading_at: Option<String>,
    price_pln_kwh: Option<f64>,
    price_source: Option<&'static str>,
    price_rank: Option<usize>,
    price_rank_of: usize,
    price_forecasts: Vec<Foretold<'a>>,
    pv_forecasts: Vec<Foretold<'a>>,
}

#[derive(Serialize)]
struct Foretold<'a> {
    source: &'a str,
    value: f64,
    confidence: Option<f64>,
    made_at: String,
}

#[derive(Serialize)]
struct SessionRow<'a> {
    id: &'a str,
    start: String,
    end: Option<String>,
    energy_kwh: Option<f64>,
    pln: Option<f64>,
    mean_pln_kwh: Option<f64>,
    status: Option<&'a str>,
}

#[derive(Serialize)]
struct Figures {
    from: String,
    price: &'static str,
    energy_kwh: Option<f64>,
    energy_source: Option<&'static str>,
    usable_kwh: Option<f64>,
    power_w: f64,
    power_source: &'static str,
    known_slots: usize,
    expected_slots: usize,
    done: Option<Deal>,
    alternative: Option<Deal>,
    difference_pln: Option<f64>,
    difference_pln_kwh: Option<f64>,
    method: Method,
}

#[derive(Serialize)]
struct Deal {
    what: &'static str,
    start: Option<String>,
    end: Option<String>,
    pln: Option<f64>,
    mean_pln_kwh: f64,
    slots: Vec<Slot>,
}

#[derive(Serialize)]
struct Slot {
    start: String,
    end: String,
    price_pln_kwh: f64,
}

#[derive(Serialize)]
struct Method {
    formula: &'static str,
    round_trip_efficiency: f64,
    round_trip_efficiency_source: &'static str,
    assumed_power_w: f64,
    assumed_power_source: &'static str,
    reach_h: u64,
}

#[derive(Serialize)]
struct DayOfPrices {
    day: String,
    source: Option<&'static str>,
    fetched_at: Option<String>,
    received: usize,
    expected: usize,
}

/// `/api/v1/decisions/ID`
pub fn answer(ask: &Ask<'_>, path: &str) -> Result<Answer, Refusal> {
    let text = decode(path.strip_prefix(PREFIX).unwrap_or_default(), false);
    let Some(id) = Id::parse(&text) else {
        return Err(Refusal::bad_parameter("id", &text, "the id of a decision, as /api/v1/decisions has it"));
    };
    let published = ask.snapshot.prices.value.as_deref().map(|prices| prices.days.clone()).unwrap_or_default();
    let (facts, now, desk) = (Arc::clone(ask.facts), ask.now, ask.desk.clone());
    Ok(Answer::Later(Box::new(move |pending| {
        desk.ask(move |books| {
            pending.complete(match books.decision(id) {
                Ok(Some(case)) => compose(&facts, &case, published, now),
                Ok(None) => Refusal::not_found(format!("there is no decision {id}")).response(),
                Err(fault) => Refusal::unreadable(&fault).response(),
            });
        });
    })))
}

/// Writes one answer and notes what is not known.
struct Desk<'a> {
    facts: &'a Facts,
    case: &'a Case,
    unknown: Unknown,
}

fn compose(facts: &Facts, case: &Case, published: BTreeMap<Date, Arc<PricedDay>>, now: Timestamp) -> Response<Body> {
    let (decision, session) = (&case.entry.decision, case.session.as_ref());
    let selling = decision.kind == Kind::Selling;
    // What was just published is newer than what is remembered.
    let has_prices = |day: &PricedDay| day.slots.iter().any(|slot| slot.buy.or(slot.sell).is_some());
    let mut days: BTreeMap<Date, &PricedDay> = case.days.iter().map(|day| (day.date, day)).collect();
    let lacking = lacking(facts.stated_capacity, charge_then(decision, case.row.as_ref()));
    let span = span(decision, session, lacking);
    let dates = facts.zone.date(span.from.min(decision.at))..=facts.zone.date(span.to);
    days.extend(published.range(dates).filter(|(_, day)| has_prices(day)).map(|(date, day)| (*date, &**day)));
    let receipt = Receipt::new(decision, session, lacking, &rates(days.values().copied(), selling));

    let mut desk = Desk { facts, case, unknown: Unknown::new() };
    desk.say("decision", NULLS);
    let known_then = desk.known_then(days.get(&facts.zone.date(decision.at)).copied());
    let session = desk.session(session);
    let figures = desk.figures(&receipt);
    let prices = days.values().map(|day| desk.day(day, selling)).collect();
    json(
        200,
        &Answered {
            decision: Told::new(&case.entry, facts),
            known_then,
            session,
            receipt: figures,
            prices,
            as_of: facts.zone.rfc3339(now),
            stale_after: None,
            source: source_of(std::slice::from_ref(&case.entry)),
            demo: facts.demo,
            unknown: desk.unknown,
        },
    )
}

impl<'a> Desk<'a> {
    fn at(&self, at: Timestamp) -> String {
        self.facts.zone.rfc3339(at)
    }

    fn say(&mut self, path: &str, why: impl Into<String>) {
        self.unknown.insert(path.to_owned(), why.into());
    }

    fn trouble(&self, what: &str, otherwise: &str) -> String {
        self.case.troubles.get(what).cloned().unwrap_or_else(|| otherwise.to_owned())
    }

    fn known_then(&mut self, day: Option<&PricedDay>) -> KnownThen<'a> {
        let case = self.case;
        let (decision, row) = (&case.entry.decision, case.row.as_ref());
        let no_row = self.trouble("row", "no energy row lies within 10 min of the decision");
        let mut measured = |path: &str, said: Option<f64>, of_row: Option<f64>| {
            let found = said.map(|value| (value, "decision")).or(of_row.map(|value| (value, "energy_data")));
            if found.is_none() {
                let why = if row.is_some() { "neither the decision nor the row beside it says" } else { &no_row };
                self.say(&format!("known_then.{path}"), why);
            }
            (found.map(|found| found.0), found.map(|found| found.1))
        };
        // The coordinator writes kW, but for sales W.
        let pv = decision.lifted("pv_power").map(|pv| if decision.kind == Kind::Selling { pv } else { pv * 1000.0 });
        let (soc_pct, soc_source) = measured("soc_pct", decision.lifted("battery_soc"), row.and_then(|r| r.soc_pct));
        let (pv_w, pv_source) = measured("pv_w", pv.map(|pv| round_to(pv, 3)), row.and_then(|row| row.pv_power_w));
        // In which unit the decision has it is not known.
        let (load_w, load_source) = measured("load_w", None, row.and_then(|row| row.house_power_w));

        let slot = day.and_then(|day| day.slot_at(decision.at)).and_then(|slot| slot.buy);
        let said = decision.lifted("current_price").or_else(|| decision.lifted("current_price_pln"));
        let price = said.map(|price| (price, "decision")).or(slot.map(|price| (price.to_f64(), "prices")));
        let of_day = || day.into_iter().flat_map(|day| &day.slots).filter_map(|slot| slot.buy);
        let rank = slot.map(|price| 1 + of_day().filter(|other| *other < price).count());
        let no_price = self.trouble("prices", "the price of its quarter-hour is not remembered");
        if price.is_none() {
            self.say("known_then.price_pln_kwh", &*no_price);
        }
        if rank.is_none() {
            self.say("known_then.price_rank", no_price);
        }
        for (what, forecasts) in [("price", &case.price_forecasts), ("pv", &case.solar_forecasts)] {
            if forecasts.is_empty() {
                let why = self.trouble("forecasts", "no forecast of that hour is stored that was made before");
                self.say(&format!("known_then.{what}_forecasts"), why);
            }
        }
        let foretold = |list: &'a [Forecast]| list.iter().map(|forecast| self.foretold(forecast)).collect();
        KnownThen {
            soc_pct,
            soc_source,
            pv_w,
            pv_source,
            load_w,
            load_source,
            reading_at: row.map(|row| self.at(row.at)),
            price_pln_kwh: price.map(|price| price.0),
            price_source: price.map(|price| price.1),
            price_rank: rank,
            price_rank_of: of_day().count(),
            price_forecasts: foretold(&case.price_forecasts),
            pv_forecasts: foretold(&case.solar_forecasts),
        }
    }

    fn foretold(&self, forecast: &'a Forecast) -> Foretold<'a> {
        let Forecast { source, value, confidence, made_at } = forecast;
        Foretold { source, value: *value, confidence: *confidence, made_at: self.at(*made_at) }
    }

    fn session(&mut self, session: Option<&'a Session>) -> Option<SessionRow<'a>> {
        let Some(session) = session else {
            let why = match self.case.entry.decision.kind {
                Kind::Wait => "a decision to wait has no session".to_owned(),
                _ => self.trouble("session", "no recorded session covers the decision"),
            };
            self.say("session", why);
            return None;
        };
        let mut recorded = |leaf: &str, is_known: bool| {
            if !is_known {
                self.say(&format!("session.{leaf}"), "the coordinator recorded none");
            }
        };
        recorded("end", session.end.is_some());
        recorded("energy_kwh", session.energy.is_some());
        recorded("pln", session.money.is_some());
        recorded("mean_pln_kwh", session.average.is_some());
        recorded("status", session.status.is_some());
        Some(SessionRow {
            id: &session.id,
            start: self.at(session.start),
            end: session.end.map(|end| self.at(end)),
            energy_kwh: pln(session.energy),
            pln: session.money.map(|money| money.rounded(2)),
            mean_pln_kwh: pln(session.average),
            status: session.status.as_deref(),
        })
    }

    fn figures(&mut self, receipt: &Receipt) -> Figures {
        let words = match receipt.kind {
            Kind::Charging => ["charging as it was done, paid", "charging in the cheapest quarter-hours, paid"],
            Kind::Selling => ["selling as it was done, earned", "selling in the dearest quarter-hours, earned"],
            Kind::Wait => ["charging in the cheapest quarter-hours that waiting left, paid", "charging at once, paid"],
        };
        let done = self.deal("done", words[0], receipt, &receipt.done);
        let alternative = self.deal("alternative", words[1], receipt, &receipt.alternative);
        let (known_slots, expected_slots) = receipt.completeness;
        if known_slots < expected_slots {
            let text = format!(
                "the prices of {known_slots} of {expected_slots} quarter-hours within 12 h are known: what is best is the best of these"
            );
            self.say("receipt.known_slots", text);
        }
        if let Err(lack) = receipt.energy {
            for leaf in ["energy_kwh", "usable_kwh"] {
                self.say(&format!("receipt.{leaf}"), lack.to_string());
            }
        }
        let energy = receipt.energy.ok();
        let rounded = |money: Option<Micro>, digits| money.map(|money| money.rounded(digits));
        let (difference, a_kwh) = (receipt.difference(), receipt.difference_a_kwh());
        for (leaf, value) in [("difference_pln", difference), ("difference_pln_kwh", a_kwh)] {
            if value.is_none() {
                let whys = [&receipt.done, &receipt.alternative].map(|choice| receipt.money(choice).err());
                let why = whys.into_iter().flatten().next().map_or_else(String::new, |lack| lack.to_string());
                self.say(&format!("receipt.{leaf}"), why);
            }
        }
        Figures {
            from: self.at(receipt.from),
            price: if receipt.kind == Kind::Selling { "sell" } else { "buy" },
            energy_kwh: energy.map(|energy| energy.0.to_f64()),
            energy_source: energy.map(|energy| energy.1.name()),
            usable_kwh: rounded(receipt.usable(), 3),
            power_w: round_to(receipt.power_w.0, 1),
            power_source: receipt.power_w.1.name(),
            known_slots,
            expected_slots,
            done,
            alternative,
            difference_pln: rounded(difference, 2),
            difference_pln_kwh: rounded(a_kwh, 4),
            method: METHOD,
        }
    }

    fn deal(
        &mut self,
        name: &str,
        what: &'static str,
        receipt: &Receipt,
        choice: &Result<Choice, Lack>,
    ) -> Option<Deal> {
        let found = match choice {
            Ok(choice) => choice,
            Err(lack) => {
                self.say(&format!("receipt.{name}"), lack.to_string());
                return None;
            }
        };
        let money = receipt.money(choice);
        if let Err(lack) = money {
            self.say(&format!("receipt.{name}.pln"), lack.to_string());
        }
        let slot = |part: &crate::model::receipt::Part| Slot {
            start: self.at(part.start),
            end: self.at(part.start + part.length),
            price_pln_kwh: part.price.to_f64(),
        };
        Some(Deal {
            what,
            start: found.parts.first().map(|part| self.at(part.start)),
            end: found.end().map(|end| self.at(end)),
            pln: money.ok().map(|money| money.rounded(2)),
            mean_pln_kwh: found.mean().rounded(4),
            slots: found.parts.iter().map(slot).collect(),
        })
    }

    fn day(&self, day: &PricedDay, selling: bool) -> DayOfPrices {
        let origin = if selling { day.settlement.as_ref() } else { day.market.as_ref() };
        DayOfPrices {
            day: day.date.to_string(),
            source: origin.map(|origin| origin.origin.name()),
            fetched_at: origin.map(|origin| self.at(origin.fetched_at)),
            received: origin.map_or(0, |origin| origin.received),
            expected: day.slots.len(),
        }
    }
}

const METHOD: Method = Method {
    formula: "energy E at an even power takes T = E / power; a part t of T costs E x t / T x the price of its \
              quarter-hour. Done: from the session's start, else from the decision. Alternative: the same E in as many \
              of the cheapest (for a sale the dearest) quarter-hours within reach as T needs, of equals the earliest. \
              For waiting: the cheapest quarter-hours after its own, against charging at once. Difference: by how much \
              the decision was better. Energy and power are the session's, else the decision's, else the power is \
              assumed; of a decision to wait without energy it is what the battery lacked then: capacity_kwh of the \
              config x (100 % - state of charge), losses left out; without energy the figures are those of a single kWh. Energy is counted at the meter on both \
              sides, so the efficiency changes no difference: it tells usable_kwh.",
    round_trip_efficiency: ROUND_TRIP_EFFICIENCY.0 as f64 / 1e6,
    round_trip_efficiency_source: SOURCE,
    assumed_power_w: ASSUMED_POWER_W,
    assumed_power_source: SOURCE,
    reach_h: REACH.as_secs() / 3_600,
};
