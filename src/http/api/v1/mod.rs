//! The new paths, below `/api/v1/`.

pub mod about;
pub mod at;
pub mod decisions;
mod disk;
pub mod energy;
mod energy_answer;
pub mod events;
pub mod export;
mod followed_log;
pub mod history;
mod history_answer;
mod price_day;
mod price_evcc;
mod price_short;
pub mod prices;
pub mod receipt;
mod sources;
pub mod state;
pub mod when;

#[cfg(test)]
mod tests;
