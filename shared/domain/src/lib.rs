//! The words everything else is made of.
//!
//! No input or output, no clock, no runtime: values, and the rules that hold for them. This crate
//! knows no entity by name; kinds are data.

pub mod ascii;
mod clock;
mod decimal;
pub mod definitions;
mod delivery;
pub mod digest;
mod disposition;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod handler;
mod id;
mod instant;
pub mod json;
pub mod limits;
mod object_name;
mod order;
mod planted;
mod record;
pub mod scalar;
mod version;
pub mod volatile;

#[cfg(test)]
mod tests;

pub use clock::{Clock, Ids, ulid};
pub use decimal::Decimal;
pub use definitions::{DefinitionError, Definitions, EntityDefinition};
pub use delivery::{Delivery, Generation, Overwrote};
pub use disposition::{Disposition, Failure, Outcome};
pub use handler::{BoxFuture, Handler};
pub use id::{EntityRef, Env, ID_BYTES_MAX, IdError, UnknownEnv, check_id, is_segment};
pub use instant::{Day, Instant};
pub use object_name::{
    Class, HISTORY_FILE_BYTES_MAX, HistoryName, Mark, NameError, ObjectName, PointerName, ShardName,
};
pub use order::OrderKey;
pub use planted::Planted;
pub use record::{
    AHEAD_MAX, BULK_ORIGINS, Change, RECORD_BOUNDS, RECORD_BYTES_MAX, RESERVED_FIELDS, Record,
};
pub use version::Version;
