//! What jobs have in common: the bucket they work on, what they print, work done in turn, and
//! why they cannot go on.
//!
//! A crate of its own, because functions are built with one set of features: in `cloud-run` it would
//! bring a parser of command lines to those that are pushed to.

mod place;
mod printed;
mod problem;
mod refused;
mod screen;
mod turns;

pub use place::Place;
pub use printed::Printed;
pub use problem::Problem;
pub use refused::{refuse, refused};
pub use screen::Screen;
pub use turns::in_turn;
