//! Whatever has happened to what is derived is found, and mended while functions run.

mod commands;
mod corrupted;
mod corruptions;
mod hostile;
mod live;
mod operations;
mod races;
mod shards;
pub(super) mod world;
