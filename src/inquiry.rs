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

/// Called once with the answer, on the thread that found it. Must not block.
pub type Reply<T> = Box<dyn FnOnce(Result<T, Fault>) + Send>;

/// One question.
pub enum Inquiry {
    /// The prices of a day that is over.
    PriceDay {
        /// The local delivery day.
        date: Date,
        /// Takes what is remembered.
        reply: Reply<RememberedDay>,
    },
}

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

    /// Hands in a question. Answers whether there was room; if not, the question was dropped, its reply with it.
    pub fn ask(&self, inquiry: Inquiry) -> bool {
        match self.0.try_send(inquiry) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}
