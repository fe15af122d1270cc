//! What some program had foreseen for an hour.

use jiff::Timestamp;

/// What is foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreseen {
    /// A price, PLN/kWh: `price_forecasts`.
    Price,
    /// Solar power, W: `pv_forecasts`.
    Solar,
}

/// One row of a table of forecasts.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Who foresaw it.
    pub source: String,
    /// PLN/kWh, or W.
    pub value: f64,
    /// 0 to 1, where it was said.
    pub confidence: Option<f64>,
    /// When it was made.
    pub made_at: Timestamp,
}
