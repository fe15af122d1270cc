//! The server's edge: a door that listens, workers that answer, tiny_http that speaks.
//!
//! The door and the workers know nothing of what is answered: they are given a [`Handler`].

pub mod message;

pub use message::{Answer, Body, Handler, Method, Request};
