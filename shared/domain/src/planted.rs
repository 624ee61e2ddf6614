//! Bugs that tests plant, to show that they would be found.

use std::marker::PhantomData;

/// A wrong turn of a protocol that tests can make a handler take. Outside of builds with the
/// feature `planted-bugs`, which only tests and the simulation turn on, there is none to take.
#[derive(Clone, Copy, Debug)]
pub struct Planted<B> {
    #[cfg(feature = "planted-bugs")]
    bug: Option<B>,
    kind: PhantomData<B>,
}

impl<B: PartialEq> Planted<B> {
    /// No bug.
    pub const NONE: Self = Self {
        #[cfg(feature = "planted-bugs")]
        bug: None,
        kind: PhantomData,
    };

    /// This bug.
    #[cfg(feature = "planted-bugs")]
    pub fn bug(bug: B) -> Self {
        Self { bug: Some(bug), kind: PhantomData }
    }

    /// Whether `bug` is planted.
    pub fn has(&self, bug: B) -> bool {
        #[cfg(feature = "planted-bugs")]
        return self.bug.as_ref() == Some(&bug);
        #[cfg(not(feature = "planted-bugs"))]
        {
            drop(bug);
            false
        }
    }
}
