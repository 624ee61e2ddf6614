//! What the words of the domain promise.

mod definitions;
mod json;
mod names;
mod records;
