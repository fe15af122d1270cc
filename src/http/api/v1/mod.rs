//! The new paths, below `/api/v1/`.

pub mod about;
pub mod energy;
mod energy_answer;
pub mod events;
pub mod export;
mod followed_log;
pub mod history;
mod history_answer;
mod price_day;
mod price_short;
pub mod prices;
mod sources;
pub mod state;

#[cfg(test)]
mod tests;
