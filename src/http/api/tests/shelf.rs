//! Books of a few pages, made by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::Bench;
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::inquiry::{Books, Case, Moment, PastDays, PastRows, RememberedDay, Troubles, WantedDays, WantedRows};
use crate::model::balance::Balance;
use crate::model::decision::{Decision, RawDecision};
use crate::model::energy::EnergyRow;
use crate::model::forecast::Forecast;
use crate::model::price::PricedDay;
use crate::model::search::{Entry, Id, Page, Place, Search, entries};
use crate::model::session::Session;

/// What can be looked up.
#[derive(Default)]
pub struct Shelf {
    /// All questions fail.
    pub fault: Option<Fault>,
    /// Of all times.
    pub decisions: Vec<Entry>,
    /// Of charging, whatever the instant.
    pub session: Option<Session>,
    pub readings: Vec<EnergyRow>,
    pub priced: Vec<PricedDay>,
    pub forecasts: Vec<Forecast>,
    pub troubles: Troubles,
    pub balances: BTreeMap<Date, Balance>,
    pub days: PastDays,
    pub rows: PastRows,
    /// How many questions were answered.
    pub asked: u32,
}

/// 2026-11-22T12:00:00+01:00 and so many minutes.
pub fn minute(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-22T11:00:00Z".parse().unwrap();
    noon + jiff::SignedDuration::from_mins(minutes)
}

/// A decision of so many minutes after noon.
pub fn decision(id: Option<i64>, minutes: i64, action: &str, parameters: &str) -> Decision {
    let raw = RawDecision {
        id,
        timestamp: "2026-11-22T12:00:00".into(),
        action: Some(action.to_owned()),
        reason: Some("prices are LOW".into()),
        parameters: serde_json::from_str(parameters).unwrap(),
        ..RawDecision::default()
    };
    Decision::new(minute(minutes), raw)
}

impl Shelf {
    fn found<T>(&self, found: T) -> Result<T, Fault> {
        self.fault.clone().map_or(Ok(found), Err)
    }

    /// Everything is known.
    pub fn fill(&mut self, bench: &Bench) {
        let hourly = |quarter: usize| Some(quarter as i64 * 1_000);
        let sale = r#"{"energy_sold_kwh": 2, "selling_power_w": 2000, "battery_soc": 80, "pv_power": 900}"#;
        *self = Self {
            fault: None,
            decisions: entries(vec![
                decision(None, 0, "wait", "{}"),
                decision(Some(1), 15, "charge", r#"{"energy_kwh": 5, "current_price": 0.4, "pv_power": 1.5}"#),
                decision(Some(2), 30, "battery_selling", sale),
                decision(Some(3), 45, "start_pv_charging", r#"{"energy_kwh": 1}"#),
            ]),
            session: Some(Session {
                id: "s1".into(),
                start: minute(15),
                end: Some(minute(75)),
                energy: Some(Micro(4_000_000)),
                money: Some(Micro(1_234_567)),
                average: Some(Micro(300_000)),
                status: Some("completed".into()),
            }),
            readings: [-5, 0, 5]
                .map(|at| EnergyRow { at: minute(at), soc_pct: Some(50.0), ..EnergyRow::default() })
                .into(),
            priced: ["2026-11-21", "2026-11-22", "2026-11-23"].map(|day| bench.priced_day(day, hourly)).into(),
            forecasts: vec![Forecast { source: "x".into(), value: 0.5, confidence: None, made_at: minute(-600) }],
            troubles: Troubles::new(),
            ..std::mem::take(self)
        };
    }

    /// Decisions without anything beside them.
    pub fn fill_poorly(&mut self) {
        self.decisions = entries(vec![
            decision(Some(1), -700, "charge", "{}"),
            decision(Some(2), -600, "battery_selling", r#"{"energy_sold_kwh": 2}"#),
            decision(Some(3), -500, "wait", r#"{"energy_kwh": 9e9}"#),
        ]);
        self.troubles =
            ["row", "session", "forecasts", "prices", "decision"].map(|what| (what, format!("no {what}"))).into();
    }
}

impl Books for Shelf {
    fn prices(&mut self, date: Date) -> Result<RememberedDay, Fault> {
        let day = |date: Date| self.priced.iter().find(|day| day.date == date).cloned();
        let found = RememberedDay { day: day(date), before: date.yesterday().ok().and_then(day) };
        self.found(found)
    }

    fn decisions(&mut self, search: &Search) -> Result<Page, Fault> {
        let mut page = Page::default();
        search.add_day(&mut page, self.decisions.clone());
        if search.text == "out of time" {
            let place = Place::start_of(minute(-60));
            page = Page { next: Some(place), searched_from: Some(place.at()), out_of_time: true, ..page };
        }
        self.found(page)
    }

    fn decision(&mut self, id: Id) -> Result<Option<Case>, Fault> {
        let case = |entry: &Entry| Case {
            row: self.readings.first().cloned(),
            session: self.session.clone().filter(|_| entry.decision.action == "charge"),
            price_forecasts: self.forecasts.clone(),
            solar_forecasts: self.forecasts.clone(),
            days: self.priced.clone(),
            troubles: self.troubles.clone(),
            entry: entry.clone(),
        };
        let found = self.decisions.iter().find(|entry| entry.id == id).map(case);
        self.found(found)
    }

    fn moment(&mut self, at: Timestamp) -> Result<Moment, Fault> {
        let moment = Moment {
            row: self
                .readings
                .iter()
                .find(|row| row.at.duration_since(at).abs() < jiff::SignedDuration::from_mins(3))
                .cloned(),
            row_before: self.readings.iter().map(|row| row.at).rfind(|row| *row < at - Duration::from_secs(180)),
            row_after: self.readings.iter().map(|row| row.at).find(|row| *row > at + Duration::from_secs(180)),
            decision: self.decisions.iter().rfind(|entry| entry.decision.at <= at).cloned(),
            decision_before: self.decisions.first().cloned(),
            decision_after: self.decisions.iter().find(|entry| entry.decision.at > at).cloned(),
            day: self.priced.iter().find(|day| day.slot_at(at).is_some()).cloned(),
            troubles: self.troubles.clone(),
        };
        self.found(moment)
    }

    fn balances(&mut self, wanted: &WantedDays, take: &mut dyn FnMut(Balance)) -> Result<PastDays, Fault> {
        let known = self.balances.range(wanted.days.first..=wanted.days.last);
        known.for_each(|(_, balance)| take(balance.clone()));
        self.found(self.days.clone())
    }

    fn rows(&mut self, wanted: &WantedRows) -> Result<PastRows, Fault> {
        let mut past = self.rows.clone();
        past.rows.retain(|row| wanted.range.contains(row.at));
        self.found(past)
    }
}
