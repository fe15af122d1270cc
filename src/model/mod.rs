//! The domain, pure: values and `now` in, values out. No file, no socket, no clock, no JSON of answers.

pub mod balance;
pub mod coordinator;
pub mod day;
pub mod decision;
pub mod disk;
pub mod energy;
pub mod footprint;
pub mod forecast;
pub mod holiday;
pub mod logs;
pub mod measure;
pub mod month;
pub mod price;
pub mod push;
pub mod reading;
pub mod receipt;
pub mod search;
pub mod series;
pub mod session;
pub mod tally;
pub mod tariff;
pub mod time;
pub mod totals;
