//! What cannot be seen from outside: filters, changes, and what becomes of messages.

mod changes;
mod deliveries;
mod filter;
mod histories;
mod recording;
mod values;
