//! Tools for tests of handlers.

use std::sync::{Arc, LazyLock};

use domain::{Definitions, Version};
use store::{Store, Tools};

use crate::{SeededIds, TestClock};

/// When the clock of [`tools`] begins.
pub const NOW: &str = "2025-11-06T12:00:00Z";

static EMBEDDED: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::embedded()));

/// Tools over `store` in which nothing is left to chance: a clock that stands at [`NOW`], seeded
/// ids, the embedded definitions, and a version that says `d` and `0`.
pub fn tools(store: Arc<dyn Store>) -> Tools {
    Tools {
        store,
        clock: TestClock::at(NOW),
        ids: SeededIds::new(1),
        definitions: Arc::clone(&EMBEDDED),
        version: Version { definitions: "d".to_owned(), software: "0".to_owned() },
    }
}
