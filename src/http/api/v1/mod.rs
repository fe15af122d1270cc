//! The new paths, below `/api/v1/`.

pub mod about;
mod price_day;
pub mod prices;

#[cfg(test)]
mod tests;
