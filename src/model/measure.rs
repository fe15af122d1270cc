//! A value that somebody measured, or the reason why nobody did.

/// Why a value is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The key is not there, or null.
    NotRecorded,
    /// The inverter answered `"Unknown"`.
    ReportedUnknown,
    /// There is something, but it is not a number.
    NotANumber,
    /// The coordinator's own placeholder; nobody measures it.
    NeverMeasured,
}

impl Why {
    /// The reason in words, as answers give it.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotRecorded => "the coordinator recorded none",
            Self::ReportedUnknown => "the inverter reported Unknown",
            Self::NotANumber => "the coordinator recorded something that is not a number",
            Self::NeverMeasured => "nobody measures it",
        }
    }
}

/// A measured value, in the unit that its name tells, or why there is none.
pub type Measured = Result<f64, Why>;
