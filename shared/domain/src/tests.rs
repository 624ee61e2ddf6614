//! What the words of the domain promise.

mod ascii;
mod decimal;
mod definitions;
mod fuzzing;
mod json;
mod names;
mod records;
