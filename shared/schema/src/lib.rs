//! Checks documents against the JSON Schemas of their kind, and against the checks that it
//! declares besides.
//!
//! JSON Schema 2020-12 with `format` enforced and numbers compared exactly, however many digits
//! they have. References outside a schema are never fetched. It knows no kind by name, and reads
//! nothing but the definitions it is given.

mod checks;
mod expectation;
mod validators;
mod violation;

#[cfg(test)]
mod tests;

pub use validators::{Form, SchemaError, Validators};
pub use violation::{VIOLATIONS_MAX, Violation};
