//! Tests of parts that the public interface does not reach.
