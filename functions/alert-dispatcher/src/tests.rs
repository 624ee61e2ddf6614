//! What the alert-dispatcher promises.
