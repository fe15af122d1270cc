//! Questions that the snapshot does not answer: what the requests' side may ask of Wattboard's own database, and how.
//!
//! The thread `archive` answers them one after the other; whoever asks never waits. The queue is short: what does not fit
//! is refused at once.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::model::price::PricedDay;

/// How many questions may wait.
const QUEUE: usize = 8;

/// What can be looked up about the past. Each question has a bounded time.
pub trait Books {
    /// The prices of a day that is over, and of the day before it to compare with.
    ///
    /// # Errors
    /// When neither the price memory nor the site can be read in time.
    fn prices(&mut self, date: Date) -> Result<RememberedDay, Fault>;
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
