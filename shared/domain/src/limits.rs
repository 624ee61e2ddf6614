//! The one table of how long the handling of a delivery may take.
//!
//! Each bound is below the next, so that an attempt has ended, one way or the other, before
//! Pub/Sub starts another: budget < service timeout < ack deadline. (Pub/Sub documentation,
//! "Push subscriptions": the ack deadline is the timeout of the push request.)

use std::time::Duration;

/// How long a handler may work on a batch before its deliveries are not acknowledged.
pub const HANDLER_BUDGET: Duration = Duration::from_secs(36);

/// After this Cloud Run cuts the request off.
pub const SERVICE_TIMEOUT: Duration = Duration::from_secs(45);

/// After this Pub/Sub takes the delivery for lost and makes another.
pub const ACK_DEADLINE: Duration = Duration::from_secs(60);

/// How long a stopping process may finish what it has begun; then it is killed.
/// (Cloud Run documentation, "Container runtime contract".)
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// How often a handler reads and decides again after a conflict before it asks for another
/// delivery.
pub const ATTEMPTS_MAX: usize = 8;

/// The longest pause after a conflict; the pause is drawn below it, so that those who collided
/// do not collide again.
pub const CONFLICT_PAUSE_MAX: Duration = Duration::from_millis(200);

/// The pause after which an object that took a write takes another.
/// (Cloud Storage documentation, "Quotas and limits": one write per second and object.)
pub const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
