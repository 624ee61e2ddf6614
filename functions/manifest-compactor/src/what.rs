//! What is gathered: manifests in shards, or snapshots in parts of an export.

use domain::{EntityRef, Env, ObjectName, ShardName};
use projection::shard;
use store::Object;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Manifests, in shards.
    Listing,
    /// Snapshots, in parts of an export.
    Documents,
}

impl What {
    /// The object that the line of an entity is made of.
    pub(crate) fn source(self, entity: EntityRef) -> ObjectName {
        match self {
            Self::Listing => ObjectName::Manifest(entity),
            Self::Documents => ObjectName::Snapshot(entity),
        }
    }

    /// Where the lines go.
    pub(crate) fn target(self, name: ShardName) -> ObjectName {
        match self {
            Self::Listing => ObjectName::Shard(name),
            Self::Documents => ObjectName::Export(name),
        }
    }

    /// The entity whose source this is, or none.
    pub(crate) fn is_source(self, name: ObjectName) -> Option<EntityRef> {
        match (self, name) {
            (Self::Listing, ObjectName::Manifest(entity))
            | (Self::Documents, ObjectName::Snapshot(entity)) => Some(entity),
            _ => None,
        }
    }

    /// The shard that this is, or none.
    pub(crate) fn is_target(self, name: ObjectName) -> Option<ShardName> {
        match (self, name) {
            (Self::Listing, ObjectName::Shard(name))
            | (Self::Documents, ObjectName::Export(name)) => Some(name),
            _ => None,
        }
    }

    /// Where all sources lie.
    pub(crate) fn sources(self, env: Env, segment: &str) -> String {
        match self {
            Self::Listing => format!("env/{env}/manifests/{segment}/by-id/"),
            Self::Documents => format!("env/{env}/snapshots/{segment}/"),
        }
    }

    /// Where all targets lie.
    pub(crate) fn targets(self, env: Env, segment: &str) -> String {
        match self {
            Self::Listing => format!("env/{env}/manifests/{segment}/_index_shard="),
            Self::Documents => format!("env/{env}/manifests/{segment}/export/part-"),
        }
    }

    /// The line that a source makes; none when the entity is gone.
    pub(crate) fn line(self, id: &str, source: &Object) -> Result<Option<String>, String> {
        match self {
            Self::Listing => shard::of_manifest(id, &source.body),
            Self::Documents => shard::of_snapshot(id, &source.body, &source.metadata),
        }
    }
}
