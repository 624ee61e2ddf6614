//! What a function is, seen from whatever feeds it.

use std::pin::Pin;

use crate::{Class, Delivery, Outcome};

/// A future that can be sent to another thread, as the object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The body of a push function.
///
/// A handler must be safe to drop between any two of its store operations and to run again, at
/// the same time as itself, for the same deliveries, in any order.
pub trait Handler: Send + Sync {
    /// The classes of objects that feed this function. Deliveries of others are skipped from the
    /// name alone, before anything is read.
    fn fed_with(&self) -> &'static [Class];

    /// Handles deliveries that concern one entity ([`crate::ObjectName::subject`]), and returns one
    /// outcome for each, in the same order. The batch is never empty.
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Outcome>>;
}
