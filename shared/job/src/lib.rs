//! What the command lines of jobs have in common: the bucket they work on, what they print, and
//! why they cannot go on.
//!
//! A crate of its own, because functions are built with one set of features: in `cloud-run` it would
//! bring a parser of command lines to those that are pushed to.

mod place;
mod problem;
mod refused;
mod screen;

pub use place::Place;
pub use problem::Problem;
pub use refused::{refuse, refused};
pub use screen::Screen;
