//! What the command lines of jobs have in common: the bucket they work on, what they print, and
//! why they cannot go on.

mod place;
mod problem;
mod screen;

pub use place::Place;
pub use problem::Problem;
pub use screen::Screen;
