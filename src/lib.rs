//! Wattboard: a dashboard server for homes with solar panels, a battery and hourly electricity prices.
//!
//! Data flows one way: a **source** outside (database, files, price API, `/proc`, logs) is polled by a
//! **refresher** thread, which derives a section and publishes a new **snapshot**; a worker **answers** a request
//! from one snapshot, without touching disk; the **page** draws the answer. See ARCHITECTURE.md.

pub mod app;
pub mod archive;
pub mod base;
pub mod cli;
pub mod command;
pub mod config;
pub mod demo;
pub mod export;
pub mod http;
pub mod inquiry;
pub mod model;
pub mod push;
pub mod refresh;
pub mod series;
pub mod snapshot;
pub mod source;
pub mod telemetry;
