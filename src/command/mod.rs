//! What the program can be asked to do.

pub mod check;
pub mod prices;
pub mod serve;
pub mod tariff;
