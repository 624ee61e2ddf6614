//! rules-engine
