//! A house made up.
mod folder;
pub mod house;
pub mod load;
pub mod noise;
pub mod plan;
pub mod prices;
pub mod weather;
