//! The new paths, below `/api/v1/`.

mod price_day;
pub mod prices;

#[cfg(test)]
mod tests;
