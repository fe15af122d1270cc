//! Every figure that monitoring can have of a site: its name, kind, unit and meaning, and how it is read from a snapshot.
//!
//! Names are stable. They carry the unit: watts, kWh, volts, amperes, °C, ratios of 1, PLN and PLN/kWh, seconds and bytes.
//! Energy is in kWh, not in joules: meters count it, prices are told and bills are written in it.
//! Signs: [`crate::base::units`]. A counter only grows, but for a new meter or a restart.
//! What is not known, or older than it may be, has no sample at all; when it was read stays known.
//!
//! Pure: whoever shows, pushes or stores figures takes them from here and knows how they are written.

mod decisions;
pub mod freshness;
mod house;
mod own;
mod prices;
mod push;
mod sources;
mod stored;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::Interval;
use crate::model::reading::Reading;
use crate::model::time::SiteZone;
use crate::snapshot::{Section, Snapshot};
use freshness::{is_fresh, is_late};

/// What a family of series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It grows; where it is less than before, it began anew. Its samples' names end with `_total`.
    Counter,
    /// How many were how large.
    Histogram,
    /// It is always 1: what matters stands in its labels. Its samples' names end with `_info`.
    Info,
}

/// Series of one name.
pub struct Family {
    /// Its name, without what the kind adds to it; ends with its unit where it has one.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its unit; empty where it is a mere number.
    pub unit: &'static str,
    /// The names of its labels beside `site`.
    pub labels: &'static [&'static str],
    /// What it tells, in one sentence.
    pub help: &'static str,
    /// Puts down what there is of it.
    read: for<'a> fn(&Moment<'a>, &mut Sheet<'a>),
}

impl Family {
    /// The name of its samples; a histogram's have endings of their own.
    pub fn sample_name(&self) -> Cow<'static, str> {
        match self.kind {
            Kind::Counter => Cow::Owned(format!("{}_total", self.name)),
            Kind::Info => Cow::Owned(format!("{}_info", self.name)),
            Kind::Gauge | Kind::Histogram => Cow::Borrowed(self.name),
        }
    }
}

type Read = for<'a> fn(&Moment<'a>, &mut Sheet<'a>);
type Labels = &'static [&'static str];

const fn gauge(name: &'static str, unit: &'static str, labels: Labels, help: &'static str, read: Read) -> Family {
    Family { name, kind: Kind::Gauge, unit, labels, help, read }
}

const fn counter(name: &'static str, unit: &'static str, labels: Labels, help: &'static str, read: Read) -> Family {
    Family { name, kind: Kind::Counter, unit, labels, help, read }
}

/// All families by what they are about, in the order in which they are told.
pub const GROUPS: [(&str, &[Family]); 6] = [
    ("The house", house::FAMILIES),
    ("Prices", prices::FAMILIES),
    ("Decisions", decisions::FAMILIES),
    ("Sources", sources::FAMILIES),
    ("Sending rows", push::FAMILIES),
    ("Wattboard itself", own::FAMILIES),
];

/// Families of which only what is stored is told (`series`), never the present, with what they are about.
pub const STORED: (&str, &[Family]) = ("Stored alone", stored::FAMILIES);

/// All that are told of the present.
pub fn families() -> impl Iterator<Item = &'static Family> {
    GROUPS.into_iter().flat_map(|(_, families)| families)
}

/// The family whose samples have this name, told of the present or not.
pub fn of_samples(name: &str) -> Option<&'static Family> {
    families().chain(STORED.1).find(|family| family.sample_name() == name)
}

/// What all figures are read from.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// What is known.
    pub snapshot: &'a Snapshot,
    /// The wall clock.
    pub now: Timestamp,
    /// The monotonic clock.
    pub instant: Instant,
    /// The site's zone.
    pub zone: &'a SiteZone,
    /// How often sources are asked.
    pub intervals: Intervals,
    /// This program.
    pub program: Program,
    /// What it was asked so far; `None` where nobody asks it.
    pub edge: Option<&'a Edge>,
}

/// How often each source is asked.
#[derive(Debug, Clone, Copy)]
pub struct Intervals {
    /// The house.
    pub live: Interval,
    /// Decisions and sums.
    pub metrics: Interval,
    /// Prices.
    pub prices: Interval,
    /// The coordinator's process and this program's own.
    pub process: Interval,
}

/// This program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its version.
    pub version: &'static str,
    /// Whether it shows a simulated house.
    pub is_demo: bool,
    /// When it was started.
    pub started: Instant,
    /// The same by the wall clock of then.
    pub started_at: Timestamp,
}

/// What was asked and answered so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edge {
    /// Answers by the hundreds of their status: 2xx to 5xx.
    pub answers: [u64; 4],
    /// How long they took.
    pub took: Distribution,
    /// Requests refused because too much was under way.
    pub overloads: u64,
    /// Panics that were contained.
    pub panics: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Connections open now.
    pub connections: u64,
    /// Event streams among them.
    pub event_streams: u64,
}

/// How many were how large.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// How many were no larger than each bound, bounds rising.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// Names and values of its labels, without the site's.
    pub labels: Vec<(&'static str, Cow<'a, str>)>,
    /// Its value.
    pub value: Value,
}

/// What a sample says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A finite number.
    Number(f64),
    /// A histogram.
    Distribution(Distribution),
}

/// The samples of a family.
#[derive(Debug, Default)]
pub struct Sheet<'a>(Vec<Sample<'a>>);

impl<'a> Sheet<'a> {
    /// The one sample; a value that is not known or not finite is left out.
    fn put(&mut self, value: Option<f64>) {
        self.push(Vec::new(), value);
    }

    /// A sample with one label.
    fn put_as(&mut self, label: &'static str, text: impl Into<Cow<'a, str>>, value: Option<f64>) {
        self.push(vec![(label, text.into())], value);
    }

    /// 1 for what holds and 0 for all else that could.
    fn choose(&mut self, label: &'static str, all: impl IntoIterator<Item = &'static str>, holds: &str) {
        for text in all {
            self.put_as(label, text, Some(f64::from(u8::from(text == holds))));
        }
    }

    fn push(&mut self, labels: Vec<(&'static str, Cow<'a, str>)>, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            // There is no negative zero on a meter.
            self.0.push(Sample { labels, value: Value::Number(value + 0.0) });
        }
    }
}

/// Everything that is known, family by family; those of which nothing is known are left out.
pub fn read<'a>(moment: &Moment<'a>) -> Vec<(&'static Family, Vec<Sample<'a>>)> {
    let of_family = |family: &'static Family| {
        let mut sheet = Sheet::default();
        (family.read)(moment, &mut sheet);
        (!sheet.0.is_empty()).then_some((family, sheet.0))
    };
    families().filter_map(of_family).collect()
}

/// What tells how the site and this program are doing, beside what is recorded: its sources, the sending of rows, what runs.
/// Histograms are not among it.
pub fn read_presence<'a>(moment: &Moment<'a>) -> Vec<(&'static Family, Vec<Sample<'a>>)> {
    let is_wanted = |name: &str| {
        let of = |families: &[Family]| families.iter().any(|family| family.name == name);
        of(sources::FAMILIES) || of(push::FAMILIES) || name == "wattboard_build"
    };
    read(moment).into_iter().filter(|(family, _)| is_wanted(family.name)).collect()
}

impl<'a> Moment<'a> {
    /// The newest reading, while it is fresh.
    fn reading(&self) -> Option<&'a Reading> {
        let live = self.snapshot.live.value.as_deref()?;
        is_fresh(live, self.now).then_some(&live.reading)
    }

    /// What a section has, while it is as new as it should be.
    fn value<T>(&self, section: &'a Section<T>, interval: Interval) -> Option<&'a T> {
        let value = section.value.as_deref()?;
        (!is_late(section.age(self.instant), interval)).then_some(value)
    }

    /// The instant that lies this far back, in whole seconds.
    fn back(&self, age: Duration) -> f64 {
        (seconds(self.now) - age.as_secs_f64()).round()
    }
}

/// Seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}

fn flag(holds: bool) -> Option<f64> {
    Some(f64::from(u8::from(holds)))
}

#[cfg(test)]
mod tests;
