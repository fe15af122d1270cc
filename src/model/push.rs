//! How the sending of rows to a time series engine goes.

use jiff::Timestamp;

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was sent yet.
    Starting,
    /// Older rows are on their way.
    CatchingUp,
    /// Everything was sent.
    UpToDate,
    /// The engine cannot be reached or is busy; it is tried again.
    Waiting,
    /// The engine does not accept what is sent: something is set up wrongly.
    Refused,
}

impl State {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::UpToDate => "up_to_date",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

/// How it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// What it is about.
    pub state: State,
    /// Where rows go; without any secret.
    pub destination: String,
    /// When the engine last took anything.
    pub last_success: Option<Timestamp>,
    /// The time of the newest row that was sent, the future's prices aside.
    pub newest: Option<Timestamp>,
    /// The time of the oldest row that waits; `None` while none does.
    pub waiting_since: Option<Timestamp>,
    /// Lines that were taken since the start.
    pub rows_sent: u64,
    /// Lines that the engine refused for good since the start.
    pub rows_rejected: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What was wrong last, while it is.
    pub error: Option<String>,
}

impl Push {
    /// Before the first attempt.
    pub fn new(destination: String) -> Self {
        Self {
            state: State::Starting,
            destination,
            last_success: None,
            newest: None,
            waiting_since: None,
            rows_sent: 0,
            rows_rejected: 0,
            failures: 0,
            error: None,
        }
    }

    /// For how long the oldest row that is not sent waits, in seconds; 0 when all are sent; `None` where that is not known.
    pub fn lag_s(&self, now: Timestamp) -> Option<f64> {
        match self.waiting_since {
            Some(since) => Some(now.duration_since(since).as_secs_f64().max(0.0)),
            None => (self.state == State::UpToDate).then_some(0.0),
        }
    }
}
