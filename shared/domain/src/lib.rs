//! The words everything else is made of.
//!
//! No input or output, no clock, no runtime: values, and the rules that hold for them. This crate
//! knows no entity by name; kinds are data.

mod clock;
mod delivery;
pub mod digest;
mod disposition;
mod handler;
mod id;
mod instant;
pub mod limits;
mod object_name;

pub use clock::{Clock, Ids};
pub use delivery::{Delivery, Generation, Overwrote};
pub use disposition::{Disposition, Failure, Outcome};
pub use handler::{BoxFuture, Handler};
pub use id::{EntityRef, Env, ID_BYTES_MAX, IdError, check_id, is_segment};
pub use instant::{Day, Instant};
pub use object_name::{
    Class, HISTORY_FILE_BYTES_MAX, HistoryName, Mark, NameError, ObjectName, PointerName,
    ShardName,
};
