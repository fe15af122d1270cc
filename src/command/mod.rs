//! What the program can be asked to do.

pub mod check;
pub mod export;
pub mod healthcheck;
pub mod migrate;
pub mod prices;
pub mod serve;
pub mod snapshots;
mod state;
pub mod tariff;
