//! Questions that the snapshot does not answer: what the requests' side may ask of Wattboard's own database, and how.
//!
//! The thread `archive` answers them one after the other; whoever asks never waits. The queue is short: what does not fit
//! is refused at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::model::balance::Balance;
use crate::model::energy::EnergyRow;
use crate::model::forecast::Forecast;
use crate::model::price::PricedDay;
use crate::model::search::{Entry, Id, Page, Search};
use crate::model::session::Session;
use crate::model::time::Range;
use crate::model::totals::Days;

/// How many questions may wait.
const QUEUE: usize = 8;

/// What can be looked up about the past. Each question has a bounded time.
pub trait Books {
    /// The prices of a day that is over, and of the day before it to compare with.
    ///
    /// # Errors
    /// When neither the price memory nor the site can be read in time.
    fn prices(&mut self, date: Date) -> Result<RememberedDay, Fault>;

    /// Gives the balances of days to `take`, one after the other in order: closed days as they were summed, today and
    /// yesterday of their rows.
    ///
    /// # Errors
    /// When Wattboard's own database cannot be read in time.
    fn balances(&mut self, wanted: &WantedDays, take: &mut dyn FnMut(Balance)) -> Result<PastDays, Fault>;

    /// The rows of a stretch of some days, and the prices of these days where they are wanted.
    ///
    /// # Errors
    /// When the site cannot be read in time.
    fn rows(&mut self, wanted: &WantedRows) -> Result<PastRows, Fault>;

    /// A page of decisions, newest first. A search that ran out of time gives what it found.
    ///
    /// # Errors
    /// When the site cannot be read, or not even one day of it in time.
    fn decisions(&mut self, search: &Search) -> Result<Page, Fault>;

    /// One decision and what surrounds it; `None` where there is no such decision.
    ///
    /// # Errors
    /// When the site cannot be read in time.
    fn decision(&mut self, id: Id) -> Result<Option<Case>, Fault>;

    /// What is remembered of the site at one instant.
    ///
    /// # Errors
    /// When the site cannot be read in time.
    fn moment(&mut self, at: Timestamp) -> Result<Moment, Fault>;
}

/// One question: looks something up and gives its answer to whoever asked, on the thread that owns the books. Must not
/// wait for anything else.
pub type Inquiry = Box<dyn FnOnce(&mut dyn Books) + Send>;

/// What is remembered of a day's prices.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct RememberedDay {
    /// The day; `None` where nothing is remembered.
    pub day: Option<PricedDay>,
    /// The day before it.
    pub before: Option<PricedDay>,
}

/// Which days are wanted, and what is known without looking.
#[derive(Debug, Clone)]
pub struct WantedDays {
    /// The days.
    pub days: Days,
    /// Whether their hours are wanted too.
    pub with_hours: bool,
    /// Now.
    pub now: Timestamp,
    /// Prices that the snapshot has.
    pub prices: Vec<Arc<PricedDay>>,
}

/// What is to be said of balances that were given.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct PastDays {
    /// Which of them are not summed yet and were made of rows just now.
    pub from_rows: Vec<Date>,
    /// Why today's rows cannot be read, where they cannot.
    pub trouble: Option<Fault>,
    /// Why closed days cannot be read, where they cannot.
    pub lost: Option<Fault>,
}

/// Which rows are wanted, and what is known without looking.
#[derive(Debug, Clone)]
pub struct WantedRows {
    /// The stretch.
    pub range: Range,
    /// The days whose prices are wanted.
    pub priced: Option<Days>,
    /// Prices that the snapshot has.
    pub prices: Vec<Arc<PricedDay>>,
}

/// What is known of a stretch.
#[derive(Debug, Default, Clone)]
pub struct PastRows {
    /// Its rows, in order of time.
    pub rows: Vec<EnergyRow>,
    /// Prices of its days.
    pub prices: BTreeMap<Date, Arc<PricedDay>>,
    /// Why prices cannot be read, where they cannot.
    pub trouble: Option<Fault>,
}

/// Why parts of an answer are not known, by what they are called here.
pub type Troubles = BTreeMap<&'static str, String>;

/// A decision and what surrounds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The decision.
    pub entry: Entry,
    /// The energy row that is nearest, within two collection intervals.
    pub row: Option<EnergyRow>,
    /// The session that covers it.
    pub session: Option<Session>,
    /// What had been foreseen of the price of its hour, PLN/kWh.
    pub price_forecasts: Vec<Forecast>,
    /// What had been foreseen of the solar power of its hour, W.
    pub solar_forecasts: Vec<Forecast>,
    /// The prices of its day and of all that its receipt needs, as far as they are remembered.
    pub days: Vec<PricedDay>,
    /// Why `row`, `session`, `forecasts` or `prices` could not be read.
    pub troubles: Troubles,
}

/// The site at one instant.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Moment {
    /// The nearest energy row, of the day before, the day itself, or the day after.
    pub row: Option<EnergyRow>,
    /// The last row before that one.
    pub row_before: Option<Timestamp>,
    /// The first row after it.
    pub row_after: Option<Timestamp>,
    /// The last decision at or before the instant, within [`Moment::DECISIONS_DAYS`].
    pub decision: Option<Entry>,
    /// The decision before that one.
    pub decision_before: Option<Entry>,
    /// The first decision after the instant, of that day or the next.
    pub decision_after: Option<Entry>,
    /// The prices of its day.
    pub day: Option<PricedDay>,
    /// Why `row`, `decision` or `prices` could not be read.
    pub troubles: Troubles,
}

impl Moment {
    /// How many days are looked through for the decision in force.
    pub const DECISIONS_DAYS: u32 = 7;
}

/// Where questions are handed in.
#[derive(Clone)]
pub struct Desk(Sender<Inquiry>);

impl Desk {
    /// A desk, and where its questions come out.
    pub fn new() -> (Self, Receiver<Inquiry>) {
        let (sender, receiver) = bounded(QUEUE);
        (Self(sender), receiver)
    }

    /// Hands in a question. Answers whether there was room; if not, the question was dropped, and what it holds with it.
    pub fn ask(&self, inquiry: impl FnOnce(&mut dyn Books) + Send + 'static) -> bool {
        match self.0.try_send(Box::new(inquiry)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}
