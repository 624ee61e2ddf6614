//! What wrote a derived object.

use std::collections::BTreeMap;

/// The definitions and the software that a derived object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// [`Definitions::digest`](crate::Definitions::digest).
    pub definitions: String,
    /// The deployed revision, or the version of the workspace.
    pub software: String,
}

impl Version {
    /// The metadata key of [`Version::definitions`].
    pub const DEFINITIONS: &str = "definitions";

    /// The metadata key of [`Version::software`].
    pub const SOFTWARE: &str = "version";

    /// The custom metadata that every derived object carries.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (Self::DEFINITIONS.to_owned(), self.definitions.clone()),
            (Self::SOFTWARE.to_owned(), self.software.clone()),
        ])
    }
}
