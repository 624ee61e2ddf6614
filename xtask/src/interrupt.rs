//! Waits until somebody wants this program to end.

use std::io;

/// Completes at Ctrl-C, and where systems have it at SIGTERM. From the first call on, neither ends
/// the program by itself.
#[cfg(unix)]
pub(crate) async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

/// Completes at Ctrl-C. From the first call on, it does not end the program by itself.
#[cfg(not(unix))]
pub(crate) async fn interrupted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
